#include "injector/json.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Parser.h>
#include <Poco/JSON/Stringifier.h>

#include <sstream>
#include <stdexcept>

#include "common/quote.h"

namespace dormouse::injector {
namespace {

constexpr int kMostLevels = 64;
constexpr std::size_t kMostValues = 300'000;

bool isSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Bounds the nesting and the number of values, and finds the object's end. Strings are the only
// place where brackets mean nothing; whether the brackets match is left to the parser.
void checkOutline(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size() && isSpace(text[i])) ++i;
  if (i == text.size() || text[i] != '{') {
    throw std::invalid_argument("the body is not a JSON object");
  }
  int depth = 0;
  std::size_t values = 1;
  bool inString = false;
  bool ended = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0') throw std::invalid_argument("the JSON text holds a NUL byte");
    if (ended) {
      if (!isSpace(c)) throw std::invalid_argument("there is text after the JSON object");
    } else if (inString) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        inString = false;
      }
    } else if (c == '"') {
      inString = true;
    } else if (c == ',' || c == ':') {
      if (++values > kMostValues) throw std::invalid_argument("the JSON has too many values");
    } else if (c == '{' || c == '[') {
      if (++depth > kMostLevels) {
        throw std::invalid_argument("the JSON is nested deeper than " +
                                    std::to_string(kMostLevels) + " levels");
      }
    } else if (c == '}' || c == ']') {
      ended = --depth == 0;
    }
  }
  if (!ended) throw std::invalid_argument("the JSON object is not complete");
}

[[noreturn]] void wrongType(const std::string& name, const char* wanted) {
  throw std::invalid_argument("the member " + inQuotes(name) + " is not " + wanted);
}

// Empty if the member is absent or null.
Poco::Dynamic::Var member(const JsonObject& parent, const std::string& name) {
  return parent.isNull() ? Poco::Dynamic::Var() : parent->get(name);
}

}  // namespace

JsonObject newObject() {
  return new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

JsonArray newArray() {
  return new Poco::JSON::Array;
}

JsonObject parseObject(std::string_view text) {
  checkOutline(text);
  try {
    Poco::JSON::Parser parser;
    const Poco::Dynamic::Var value = parser.parse(std::string(text));
    if (value.type() == typeid(JsonObject)) return value.extract<JsonObject>();
  } catch (const Poco::Exception&) {
    // Poco's own sentence speaks of its internals; JSONException and SyntaxException both come.
  }
  throw std::invalid_argument("the body is not valid JSON");
}

std::string toText(const Poco::Dynamic::Var& value) {
  std::ostringstream text;
  Poco::JSON::Stringifier::stringify(value, text);
  return text.str();
}

JsonObject objectMember(const JsonObject& parent, const std::string& name) {
  const Poco::Dynamic::Var value = member(parent, name);
  if (value.isEmpty()) return {};
  if (value.type() != typeid(JsonObject)) wrongType(name, "an object");
  return value.extract<JsonObject>();
}

JsonArray arrayMember(const JsonObject& parent, const std::string& name) {
  const Poco::Dynamic::Var value = member(parent, name);
  if (value.isEmpty()) return {};
  if (value.type() != typeid(JsonArray)) wrongType(name, "a list");
  return value.extract<JsonArray>();
}

std::optional<std::string> stringMember(const JsonObject& parent, const std::string& name) {
  const Poco::Dynamic::Var value = member(parent, name);
  if (value.isEmpty()) return std::nullopt;
  if (value.type() != typeid(std::string)) wrongType(name, "a string");
  return value.extract<std::string>();
}

std::optional<bool> boolMember(const JsonObject& parent, const std::string& name) {
  const Poco::Dynamic::Var value = member(parent, name);
  if (value.isEmpty()) return std::nullopt;
  if (!value.isBoolean()) wrongType(name, "true or false");
  return value.convert<bool>();
}

std::optional<std::int64_t> integerMember(const JsonObject& parent, const std::string& name) {
  const Poco::Dynamic::Var value = member(parent, name);
  if (value.isEmpty()) return std::nullopt;
  try {
    if (!value.isBoolean() && value.isInteger()) return value.convert<Poco::Int64>();
  } catch (const Poco::Exception&) {
    // Beyond 64 bits.
  }
  wrongType(name, "a whole number");
}

std::optional<std::string> quantityMember(const JsonObject& parent, const std::string& name) {
  const Poco::Dynamic::Var value = member(parent, name);
  if (value.isEmpty()) return std::nullopt;
  if (value.type() == typeid(std::string)) return value.extract<std::string>();
  if (value.isBoolean() || !value.isNumeric()) wrongType(name, "a quantity");
  return value.convert<std::string>();
}

JsonObject objectElement(const JsonArray& list, unsigned index, const char* listName) {
  const Poco::Dynamic::Var value = list->get(index);
  if (value.type() != typeid(JsonObject)) {
    throw std::invalid_argument("an element of the list " + inQuotes(listName) +
                                " is not an object");
  }
  return value.extract<JsonObject>();
}

}  // namespace dormouse::injector
