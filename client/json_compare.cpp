#include "client/json_compare.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "client/outcome.h"
#include "common/utf8.h"
#include "wire/strict_json.h"

namespace dormouse::client {
namespace {

using Poco::Dynamic::Var;

constexpr int kMostLevels = 64;
constexpr std::size_t kMostText = 200;  // Of a value or a path, what is shown.

std::string shortened(std::string_view text) {
  std::string shown = toValidUtf8(printable(text, kMostText));
  if (text.size() > kMostText) shown += "…";
  return shown;
}

Poco::JSON::Array::Ptr arrayOf(const Var& value) {
  if (value.type() != typeid(Poco::JSON::Array::Ptr)) return {};
  return value.extract<Poco::JSON::Array::Ptr>();
}

std::string textOf(const Var& value) {
  std::ostringstream text;
  Poco::JSON::Stringifier::condense(value, text);
  return text.str();
}

bool isNumber(const Var& value) {
  return !value.isEmpty() && value.isNumeric() && !value.isBoolean();
}

bool sameScalar(const Var& a, const Var& b) {
  if (a.isEmpty() || b.isEmpty()) return a.isEmpty() && b.isEmpty();  // null
  if (isNumber(a) && isNumber(b)) {
    // A double does not hold every integer.
    if (a.isInteger() && b.isInteger()) return a.toString() == b.toString();
    return a.convert<double>() == b.convert<double>();
  }
  return a.type() == b.type() && a.toString() == b.toString();
}

std::string memberPath(const std::string& of, const std::string& name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (plain) return of + "." + name;
  std::string quoted;
  for (const char c : name) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return of + "['" + quoted + "']";
}

class Comparer {
 public:
  Comparer(const MemberMatcher& ignored, Differences& differences)
      : ignored_(ignored), differences_(differences) {}

  void compare(const Var& pod, const Var& local, const std::string& path,
               const MemberMatcher::Progress& progress) {
    const auto podObject = wire::jsonObject(pod);
    const auto localObject = wire::jsonObject(local);
    if (podObject && localObject) return compareMembers(*podObject, *localObject, path, progress);
    const auto podArray = arrayOf(pod);
    const auto localArray = arrayOf(local);
    if (podArray && localArray) return compareElements(*podArray, *localArray, path, progress);
    const bool same =
        !podObject && !localObject && !podArray && !localArray && sameScalar(pod, local);
    if (!same) differences_.add(path, textOf(pod), textOf(local));
  }

 private:
  void compareMembers(const Poco::JSON::Object& pod, const Poco::JSON::Object& local,
                      const std::string& path, const MemberMatcher::Progress& progress) {
    std::set<std::string> names;
    for (const auto& [name, value] : pod) names.insert(name);
    for (const auto& [name, value] : local) names.insert(name);
    for (const std::string& name : names) {
      const MemberMatcher::Place at = ignored_.enterMember(progress, name);
      if (at.meant) continue;
      const std::string where = memberPath(path, name);
      const bool both = pod.has(name) && local.has(name);
      if (both) {
        compare(pod.get(name), local.get(name), where, at.progress);
      } else {
        differences_.add(where, textIn(pod, name), textIn(local, name));
      }
    }
  }

  void compareElements(const Poco::JSON::Array& pod, const Poco::JSON::Array& local,
                       const std::string& path, const MemberMatcher::Progress& progress) {
    for (std::size_t i = 0; i < std::max(pod.size(), local.size()); ++i) {
      const auto index = static_cast<unsigned>(i);
      const MemberMatcher::Place at = ignored_.enterElement(progress, i);
      if (at.meant) continue;
      const std::string where = path + "[" + std::to_string(i) + "]";
      if (i < pod.size() && i < local.size()) {
        compare(pod.get(index), local.get(index), where, at.progress);
      } else {
        const auto in = [&](const Poco::JSON::Array& array) -> std::optional<std::string> {
          if (i >= array.size()) return std::nullopt;
          return textOf(array.get(index));
        };
        differences_.add(where, in(pod), in(local));
      }
    }
  }

  static std::optional<std::string> textIn(const Poco::JSON::Object& object,
                                           const std::string& name) {
    if (!object.has(name)) return std::nullopt;
    return textOf(object.get(name));
  }

  const MemberMatcher& ignored_;
  Differences& differences_;
};

}  // namespace

void Differences::add(const std::string& path, std::optional<std::string> pod,
                      std::optional<std::string> local) {
  if (++total > kMost) return;
  if (pod) pod = shortened(*pod);
  if (local) local = shortened(*local);
  shown.push_back({shortened(path), std::move(pod), std::move(local)});
}

Var parseJsonBody(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '{' && text[first] != '[')) return {};
  try {
    // Only an object is parsed strictly; as its member any value is.
    std::string wrapped;
    wrapped.reserve(text.size() + 8);
    wrapped.append("{\"v\":").append(text).append("}");
    auto object = wire::parseStrictObject(wrapped, kMostLevels + 1);
    if (object->size() != 1) return {};  // It was no value, but the middle of an object.
    return object->get("v");
  } catch (const std::invalid_argument&) {
    return {};
  }
}

void compareJson(const Var& pod, const Var& local, const MemberMatcher& ignored,
                 Differences& differences) {
  Comparer(ignored, differences).compare(pod, local, "$", ignored.start());
}

}  // namespace dormouse::client
