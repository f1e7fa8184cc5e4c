#include "common/member_path.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "common/quote.h"

namespace dormouse {
namespace {

using Kind = MemberStep::Kind;

bool isControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool isPlain(char c) {
  return !isControl(c) && std::string_view(" .[]*,'\"").find(c) == std::string_view::npos;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool sameText(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

/// Takes what it understands from the front of the text; knows the whole of it for its complaints.
class PathParser {
 public:
  explicit PathParser(std::string_view text) : whole_(text), rest_(text) {}

  MemberPath parse() {
    if (!take("$")) refuse("a path begins with $");
    MemberPath path;
    while (!rest_.empty()) {
      if (path.size() == kMaxMemberSteps) {
        refuse("a path has at most " + std::to_string(kMaxMemberSteps) + " steps");
      }
      path.push_back(step());
    }
    if (path.empty()) refuse("a path names a member");
    return path;
  }

 private:
  MemberStep step() {
    MemberStep step;
    step.atAnyDepth = take("..");
    if (take("[")) {
      bracket(step);
    } else if (!step.atAnyDepth && !take(".")) {
      refuse("a step begins with . or [");
    } else if (take("*")) {
      step.kind = Kind::kAnyMember;
    } else {
      step.name = name(isPlain);
    }
    return step;
  }

  void bracket(MemberStep& step) {
    if (take("*")) {
      step.kind = Kind::kAnyElement;
    } else if (take("'")) {
      step.name = name([](char c) { return !isControl(c) && c != '\'' && c != ','; });
      if (!take("'")) refuse("a name in [' ends with ']");
    } else {
      step.kind = Kind::kElement;
      const auto [end, error] =
          std::from_chars(rest_.data(), rest_.data() + rest_.size(), step.index);
      if (error != std::errc()) refuse("in [] stands a number, * or a name in '");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    }
    if (!take("]")) refuse("a bracket is not closed");
  }

  std::string name(bool (*belongs)(char)) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), belongs);
    if (end == rest_.begin()) refuse("a name is missing");
    std::string name(rest_.begin(), end);
    rest_.remove_prefix(name.size());
    return name;
  }

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw std::invalid_argument(inQuotes(whole_) +
                                " is no path such as \"$.user.password\": " + why);
  }

  const std::string_view whole_;
  std::string_view rest_;
};

}  // namespace

MemberPath parseMemberPath(std::string_view text) {
  return PathParser(text).parse();
}

MemberMatcher::MemberMatcher(const std::vector<MemberPath>& paths) {
  for (const MemberPath& path : paths) {
    start_.set(steps_.size());
    for (const MemberStep& step : path) steps_.push_back({step, false});
    steps_.back().last = true;
  }
}

template <typename Matches>
MemberMatcher::Place MemberMatcher::enter(const Progress& from, Matches matches) const {
  Place place;
  if (from.none()) return place;
  for (std::size_t at = 0; at < steps_.size(); ++at) {
    if (!from.test(at)) continue;
    const Step& step = steps_[at];
    if (step.atAnyDepth) place.progress.set(at);
    if (!matches(step)) continue;
    if (step.last) {
      place.meant = true;
    } else {
      place.progress.set(at + 1);
    }
  }
  return place;
}

MemberMatcher::Place MemberMatcher::enterMember(const Progress& from, std::string_view name) const {
  return enter(from, [name](const Step& step) {
    return step.kind == Kind::kAnyMember ||
           (step.kind == Kind::kMember && sameText(step.name, name));
  });
}

MemberMatcher::Place MemberMatcher::enterElement(const Progress& from, std::size_t index) const {
  return enter(from, [index](const Step& step) {
    return step.kind == Kind::kAnyElement || (step.kind == Kind::kElement && step.index == index);
  });
}

}  // namespace dormouse
