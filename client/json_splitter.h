// One JSON object after another out of a stream of bytes.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dormouse::client {

/// Finds where objects begin and end (RFC 8259: brackets count outside of strings only); what is in
/// between them is for a parser. Holds one unfinished object, of a bounded size.
class JsonSplitter {
 public:
  explicit JsonSplitter(std::size_t mostBytes) : most_(mostBytes) {}

  /// The objects that these bytes complete. Throws std::invalid_argument if something but white
  /// space stands between objects or one is too long; nothing may be fed afterwards.
  std::vector<std::string> feed(std::string_view bytes) {
    std::vector<std::string> complete;
    for (const char c : bytes) {
      if (depth_ == 0 && c != '{') {
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
        throw std::invalid_argument("something but JSON objects");
      }
      if (object_.size() == most_) throw std::invalid_argument("an endless JSON object");
      object_ += c;
      if (inString_) {
        inString_ = escaped_ || c != '"';
        escaped_ = !escaped_ && c == '\\';
      } else if (c == '"') {
        inString_ = true;
      } else if (c == '{' || c == '[') {
        ++depth_;
      } else if (c == '}' || c == ']') {
        if (--depth_ == 0) complete.push_back(std::exchange(object_, {}));
      }
    }
    return complete;
  }

 private:
  std::size_t most_;
  std::string object_;
  std::size_t depth_ = 0;
  bool inString_ = false;
  bool escaped_ = false;
};

}  // namespace dormouse::client
