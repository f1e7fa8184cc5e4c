#include "client/ignore_path.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/quote.h"

namespace dormouse::client {
namespace {

/// What may stand behind a dot without quotes (RFC 9535, 2.5.1.1), and a hyphen besides.
bool isNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

/// The path that is being read.
class Reader {
 public:
  explicit Reader(std::string_view path) : path_(path), rest_(path) {}

  bool done() const { return rest_.empty(); }
  bool skip(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  void want(std::string_view text, const char* why) {
    if (!skip(text)) fail(why);
  }
  bool atDigit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
  bool at(char c) const { return !rest_.empty() && rest_[0] == c; }

  std::string name() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), isNameChar);
    std::string name(rest_.begin(), end);
    if (name.empty()) fail("a name is missing");
    rest_.remove_prefix(name.size());
    return name;
  }
  /// Up to that quote; a backslash keeps the next character from its meaning.
  std::string quoted(char quote) {
    std::string name;
    while (!rest_.empty() && rest_[0] != quote) {
      if (rest_[0] == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) break;
      name += rest_[0];
      rest_.remove_prefix(1);
    }
    want(std::string_view(&quote, 1), "a quote is not closed");
    return name;
  }
  std::size_t number() {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc()) fail("that index is too large");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return number;
  }
  [[noreturn]] void fail(const char* why) const {
    throw IgnorePathError(inQuotes(path_) + " is no JSON path such as \"$.items[*].id\": " + why);
  }

 private:
  std::string_view path_;
  std::string_view rest_;
};

}  // namespace

void IgnorePaths::add(std::string_view text) {
  Reader reader(text);
  if (paths_.size() == kMaxPaths) {
    throw IgnorePathError("at most " + std::to_string(kMaxPaths) + " paths are possible");
  }
  reader.want("$", "it begins with $");
  Path path;
  while (!reader.done()) {
    if (path.size() == kMaxSteps) reader.fail("it has too many steps");
    Step step;
    step.deep = reader.skip("..");
    const bool dotted = step.deep || reader.skip(".");
    if (dotted && reader.skip("*")) {
      step.kind = Step::Kind::kAny;
    } else if (dotted && !(step.deep && reader.at('['))) {
      step.kind = Step::Kind::kName;
      step.name = reader.name();
    } else {
      reader.want("[", "a dot or a bracket is missing");
      if (reader.skip("*")) {
        step.kind = Step::Kind::kAny;
      } else if (reader.atDigit()) {
        step.kind = Step::Kind::kIndex;
        step.index = reader.number();
      } else {
        step.kind = Step::Kind::kName;
        const bool single = reader.skip("'");
        if (!single) reader.want("\"", "in brackets stands *, an index, or a name in quotes");
        step.name = reader.quoted(single ? '\'' : '"');
      }
      reader.want("]", "a bracket is not closed");
    }
    path.push_back(std::move(step));
  }
  paths_.push_back(std::move(path));
}

IgnorePaths::Place IgnorePaths::root() const {
  return Place(paths_.size(), 1);
}

template <typename Matches>
IgnorePaths::Place IgnorePaths::advance(const Place& of, const Matches& matches) const {
  Place next(paths_.size(), 0);
  for (std::size_t p = 0; p < paths_.size(); ++p) {
    for (std::size_t s = 0; s < paths_[p].size(); ++s) {
      if ((of[p] >> s & 1U) == 0) continue;
      const Step& step = paths_[p][s];
      if (step.deep) next[p] |= std::uint64_t{1} << s;
      if (step.kind == Step::Kind::kAny || matches(step)) next[p] |= std::uint64_t{1} << (s + 1);
    }
  }
  return next;
}

IgnorePaths::Place IgnorePaths::member(const Place& of, std::string_view name) const {
  return advance(of, [name](const Step& step) {
    return step.kind == Step::Kind::kName && step.name == name;
  });
}

IgnorePaths::Place IgnorePaths::element(const Place& of, std::size_t index) const {
  return advance(of, [index](const Step& step) {
    return step.kind == Step::Kind::kIndex && step.index == index;
  });
}

bool IgnorePaths::ignored(const Place& place) const {
  for (std::size_t p = 0; p < paths_.size(); ++p) {
    if ((place[p] >> paths_[p].size() & 1U) != 0) return true;
  }
  return false;
}

}  // namespace dormouse::client
