#include "injector/patch.h"

#include <stdexcept>

namespace dormouse::injector {

std::string toPointer(const JsonPath& path) {
  std::string pointer;
  for (const std::string& name : path) {
    pointer += '/';
    for (const char c : name) {
      if (c == '~') {
        pointer += "~0";
      } else if (c == '/') {
        pointer += "~1";
      } else {
        pointer += c;
      }
    }
  }
  return pointer;
}

void Patch::set(const JsonPath& path, const Poco::Dynamic::Var& value) {
  const JsonObject parent = parentOf(path);
  if (!parent.isNull() && value.isString()) {
    const Poco::Dynamic::Var present = parent->get(path.back());
    if (present.isString() && present.extract<std::string>() == value.extract<std::string>()) {
      return;
    }
  }
  addOperation(toPointer(path), value);
}

void Patch::append(const JsonPath& path, const Poco::Dynamic::Var& value) {
  insert(path, "/-", value);
}

void Patch::prepend(const JsonPath& path, const Poco::Dynamic::Var& value) {
  insert(path, "/0", value);
}

void Patch::insert(const JsonPath& path, const std::string& position,
                   const Poco::Dynamic::Var& value) {
  const JsonObject parent = parentOf(path);
  const std::string pointer = toPointer(path);
  if (created_.count(pointer) == 0 && arrayMember(parent, path.back()).isNull()) {
    JsonArray list = newArray();
    list->add(value);
    addOperation(pointer, list);
    created_.insert(pointer);
  } else {
    addOperation(pointer + position, value);
  }
}

JsonObject Patch::parentOf(const JsonPath& path) {
  if (path.empty()) throw std::invalid_argument("a path without a name");
  JsonObject parent = document_;
  JsonPath walked;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    walked.push_back(path[i]);
    parent = objectMember(parent, path[i]);
    if (!parent.isNull()) continue;
    const std::string pointer = toPointer(walked);
    if (created_.insert(pointer).second) addOperation(pointer, newObject());
  }
  return parent;
}

void Patch::addOperation(const std::string& pointer, const Poco::Dynamic::Var& value) {
  JsonObject operation = newObject();
  operation->set("op", "add");
  operation->set("path", pointer);
  operation->set("value", value);
  operations_->add(operation);
}

}  // namespace dormouse::injector
