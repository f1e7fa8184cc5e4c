#include "common/json_outline.h"

#include <stdexcept>
#include <string>

namespace dormouse {
namespace {

bool isSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

void checkJsonOutline(std::string_view text, const JsonBounds& bounds) {
  std::size_t i = 0;
  while (i < text.size() && isSpace(text[i])) ++i;
  if (i == text.size()) throw std::invalid_argument("a JSON object is wanted, this is empty");
  if (text[i] != '{') throw std::invalid_argument("a JSON object is wanted, beginning with {");
  int depth = 0;
  std::size_t values = 1;
  bool inString = false;  // The only place where brackets mean nothing.
  bool ended = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0') throw std::invalid_argument("the JSON text holds a NUL byte");
    if (ended) {
      if (!isSpace(c)) throw std::invalid_argument("there is text after the JSON object");
    } else if (inString) {
      if (c == '\\') {
        ++i;  // The escaped character; a NUL there is no escape the parser knows.
      } else if (c == '"') {
        inString = false;
      }
    } else if (c == '"') {
      inString = true;
    } else if (c == ',' || c == ':') {
      if (++values > bounds.maxValues) {
        throw std::invalid_argument("the JSON has more than " + std::to_string(bounds.maxValues) +
                                    " values");
      }
    } else if (c == '{' || c == '[') {
      if (++depth > bounds.maxDepth) {
        throw std::invalid_argument("the JSON is nested deeper than " +
                                    std::to_string(bounds.maxDepth) + " levels");
      }
    } else if (c == '}' || c == ']') {
      ended = --depth == 0;
    }
  }
  if (!ended) throw std::invalid_argument("the JSON object is not complete");
}

}  // namespace dormouse
