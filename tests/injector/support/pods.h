// Pods and reviews for tests, and an application of patches that is not the program's own.
#pragma once

#include <stdexcept>
#include <string>

#include "injector/decision.h"

namespace dormouse::injector {

inline Profile profileOf(const std::string& name) {
  for (const Profile profile : {Profile::kPrivileged, Profile::kBaseline, Profile::kRestricted}) {
    if (name == toText(profile)) return profile;
  }
  throw std::invalid_argument("not a profile: " + name);
}

/// Settings with an image, as every program has them.
inline InjectionSettings testSettings() {
  InjectionSettings settings;
  settings.image = "registry.example/dormouse:1";
  return settings;
}

/// A labelled pod; `spec` is put in front of its containers: R"("hostNetwork":true,)".
inline std::string labelledPod(const std::string& spec = "",
                               const std::string& annotations = "{}") {
  return R"({"metadata":{"name":"a","labels":{"dormouse.dev/inject":"true"},"annotations":)" +
         annotations + R"(},"spec":{)" + spec +
         R"("containers":[{"name":"app","image":"registry.example/app:1"}]}})";
}

inline std::string reviewOf(const std::string& pod, const std::string& space = "web") {
  return R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1",)"
         R"("operation":"CREATE","namespace":")" +
         space + R"(","resource":{"group":"","version":"v1","resource":"pods"},"object":)" + pod +
         "}}";
}

/// Applies `add` operations (RFC 6902, section 4.1) to the document, in place. Throws
/// std::invalid_argument for other operations and for paths that lead nowhere.
inline void applyPatch(const JsonObject& document, const JsonArray& operations) {
  for (unsigned i = 0; i < operations->size(); ++i) {
    JsonObject operation = operations->getObject(i);
    if (operation->getValue<std::string>("op") != "add") throw std::invalid_argument("not an add");
    std::string path = operation->getValue<std::string>("path");
    Poco::Dynamic::Var at = document;
    for (;;) {
      if (path.empty() || path[0] != '/') throw std::invalid_argument("bad pointer");
      const std::size_t next = path.find('/', 1);
      std::string name;
      for (std::size_t j = 1; j < std::min(next, path.size()); ++j) {
        const bool escape = path[j] == '~';
        name += escape ? (path[++j] == '1' ? '/' : '~') : path[j];
      }
      const bool last = next == std::string::npos;
      if (at.type() == typeid(JsonObject)) {
        JsonObject object = at.extract<JsonObject>();
        if (last) {
          object->set(name, operation->get("value"));
        } else {
          at = object->get(name);
        }
      } else if (at.type() == typeid(JsonArray) && last) {
        JsonArray list = at.extract<JsonArray>();
        JsonArray grown = newArray();
        const std::size_t place = name == "-" ? list->size() : std::stoul(name);
        for (unsigned j = 0; j <= list->size(); ++j) {
          if (j == place) grown->add(operation->get("value"));
          if (j < list->size()) grown->add(list->get(j));
        }
        if (grown->size() != list->size() + 1) throw std::invalid_argument("bad position");
        *list = *grown;
      } else {
        throw std::invalid_argument("the path leads through " + name + ", which is not there");
      }
      if (last) break;
      path.erase(0, next);
    }
  }
}

}  // namespace dormouse::injector
