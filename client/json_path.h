// Members of JSON objects by their path; absent where anything on the way is missing or of another
// type.
#pragma once

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wire/strict_json.h"

namespace dormouse::client {

using JsonPath = std::initializer_list<const char*>;

inline Poco::Dynamic::Var valueAt(const Poco::JSON::Object& object, JsonPath path) {
  const Poco::JSON::Object* at = &object;
  Poco::JSON::Object::Ptr owner;
  Poco::Dynamic::Var value;
  for (const char* key : path) {
    if (at == nullptr) return {};
    value = at->get(key);
    owner = wire::jsonObject(value);
    at = owner.get();
  }
  return value;
}

inline Poco::JSON::Object::Ptr objectAt(const Poco::JSON::Object& object, JsonPath path) {
  return wire::jsonObject(valueAt(object, path));
}

inline std::optional<std::string> textAt(const Poco::JSON::Object& object, JsonPath path) {
  return wire::jsonString(valueAt(object, path));
}

inline std::optional<std::uint64_t> unsignedAt(const Poco::JSON::Object& object, JsonPath path) {
  return wire::jsonUnsigned(valueAt(object, path));
}

inline std::optional<bool> booleanAt(const Poco::JSON::Object& object, JsonPath path) {
  const Poco::Dynamic::Var value = valueAt(object, path);
  if (value.type() != typeid(bool)) return std::nullopt;
  return value.extract<bool>();
}

/// The objects of an array; members of another type are left out.
inline std::vector<Poco::JSON::Object::Ptr> objectsAt(const Poco::JSON::Object& object,
                                                      JsonPath path) {
  std::vector<Poco::JSON::Object::Ptr> found;
  const Poco::Dynamic::Var value = valueAt(object, path);
  if (value.type() != typeid(Poco::JSON::Array::Ptr)) return found;
  for (const auto& member : *value.extract<Poco::JSON::Array::Ptr>()) {
    if (auto one = wire::jsonObject(member)) found.push_back(std::move(one));
  }
  return found;
}

/// The strings of an array.
inline std::vector<std::string> textListAt(const Poco::JSON::Object& object, JsonPath path) {
  std::vector<std::string> found;
  const Poco::Dynamic::Var value = valueAt(object, path);
  if (value.type() != typeid(Poco::JSON::Array::Ptr)) return found;
  for (const auto& member : *value.extract<Poco::JSON::Array::Ptr>()) {
    if (auto one = wire::jsonString(member)) found.push_back(std::move(*one));
  }
  return found;
}

/// The whole numbers of an array that are not negative.
inline std::vector<std::uint64_t> unsignedListAt(const Poco::JSON::Object& object, JsonPath path) {
  std::vector<std::uint64_t> found;
  const Poco::Dynamic::Var value = valueAt(object, path);
  if (value.type() != typeid(Poco::JSON::Array::Ptr)) return found;
  for (const auto& member : *value.extract<Poco::JSON::Array::Ptr>()) {
    if (const auto one = wire::jsonUnsigned(member)) found.push_back(*one);
  }
  return found;
}

/// The members of an object that are strings.
inline std::map<std::string, std::string> textsAt(const Poco::JSON::Object& object, JsonPath path) {
  std::map<std::string, std::string> found;
  const auto members = objectAt(object, path);
  if (!members) return found;
  for (const auto& [name, value] : *members) {
    if (auto text = wire::jsonString(value)) found.emplace(name, std::move(*text));
  }
  return found;
}

}  // namespace dormouse::client
