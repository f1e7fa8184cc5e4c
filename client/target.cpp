#include "client/target.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "client/json_path.h"
#include "client/outcome.h"
#include "client/pod.h"
#include "common/quote.h"

namespace dormouse::client {
namespace {

struct KindNames {
  Kind kind;
  std::array<std::string_view, 4> names;  // The first is ours.
};
constexpr std::array<KindNames, 7> kKinds = {{
    {Kind::kPod, {"pod", "pods", "po", ""}},
    {Kind::kDeployment, {"deploy", "deployment", "deployments", ""}},
    {Kind::kStatefulSet, {"sts", "statefulset", "statefulsets", ""}},
    {Kind::kDaemonSet, {"ds", "daemonset", "daemonsets", ""}},
    {Kind::kReplicaSet, {"rs", "replicaset", "replicasets", ""}},
    {Kind::kJob, {"job", "jobs", "", ""}},
    {Kind::kService, {"svc", "service", "services", ""}},
}};

// A key may be "example.org/name"; neither it nor a value has anything that means something else
// in a selector.
std::string checkedLabel(const std::string& text, bool mayBeEmpty) {
  const bool valid = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./").find(c) != std::string_view::npos;
  });
  if (!valid || text.size() > 317 || (text.empty() && !mayBeEmpty) || text.starts_with('-')) {
    throw ObjectError("its selector has the label " + inQuotes(text) + ", which is none");
  }
  return text;
}

void append(std::string& selector, const std::string& requirement) {
  if (!selector.empty()) selector += ',';
  selector += requirement;
}

std::string requirementOf(const Poco::JSON::Object& expression) {
  const std::string key = checkedLabel(textAt(expression, {"key"}).value_or(""), false);
  const std::string what = textAt(expression, {"operator"}).value_or("");
  if (what == "Exists") return key;
  if (what == "DoesNotExist") return "!" + key;
  if (what != "In" && what != "NotIn") {
    throw ObjectError("its selector has the operator " + inQuotes(what) + ", which is unknown");
  }
  std::string values;
  for (const auto& value : textListAt(expression, {"values"})) {
    append(values, checkedLabel(value, true));
  }
  return key + (what == "In" ? " in (" : " notin (") + values + ")";
}

}  // namespace

const char* kindName(Kind kind) {
  for (const auto& known : kKinds) {
    if (known.kind == kind) return known.names[0].data();
  }
  return "pod";
}

std::string Target::text() const {
  return std::string(kindName(kind)) + "/" + name;
}

Target parseTarget(std::string_view text) {
  const std::size_t slash = text.find('/');
  Target target;
  if (slash != std::string_view::npos) {
    const std::string_view word = text.substr(0, slash);
    const auto known = std::find_if(kKinds.begin(), kKinds.end(), [&](const KindNames& kind) {
      return !word.empty() &&
             std::find(kind.names.begin(), kind.names.end(), word) != kind.names.end();
    });
    if (known == kKinds.end()) {
      throw std::invalid_argument(inQuotes(text) +
                                  ": of this kind nothing can be mirrored; pod, deploy, sts, ds, "
                                  "rs, job and svc can");
    }
    target.kind = known->kind;
    text.remove_prefix(slash + 1);
  }
  if (!isObjectName(text)) throw std::invalid_argument(inQuotes(text) + " is no name");
  target.name = text;
  return target;
}

std::string selectorOf(const Target& target, const Poco::JSON::Object& object) {
  std::string selector;
  const bool service = target.kind == Kind::kService;
  const auto labels = service ? textsAt(object, {"spec", "selector"})
                              : textsAt(object, {"spec", "selector", "matchLabels"});
  for (const auto& [key, value] : labels) {
    append(selector, checkedLabel(key, false) + "=" + checkedLabel(value, true));
  }
  if (!service) {
    for (const auto& expression : objectsAt(object, {"spec", "selector", "matchExpressions"})) {
      append(selector, requirementOf(*expression));
    }
  }
  if (selector.empty()) throw ObjectError(target.text() + " selects no pods");
  return selector;
}

}  // namespace dormouse::client
