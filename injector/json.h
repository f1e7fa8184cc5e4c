// JSON from outside, with every type checked before it is used.
#pragma once

#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dormouse::injector {

using JsonObject = Poco::JSON::Object::Ptr;
using JsonArray = Poco::JSON::Array::Ptr;

/// A new object whose members keep the order in which they are set.
JsonObject newObject();
JsonArray newArray();

/// Parses `text` as one JSON object (RFC 8259). Throws std::invalid_argument with a sentence if it
/// is anything else, nested deeper than 64 levels (Poco's parser and the destructors of what it
/// makes recurse), or has more than 300,000 values (each takes many times its text's room; a pod
/// has some hundreds).
JsonObject parseObject(std::string_view text);

/// One line, UTF-8.
std::string toText(const Poco::Dynamic::Var& value);

// The member `name` of `parent`; nothing (a null pointer) if the parent is null, or the member is
// absent or null, as Kubernetes reads it. Throws std::invalid_argument naming the member if it has
// another type.
JsonObject objectMember(const JsonObject& parent, const std::string& name);
JsonArray arrayMember(const JsonObject& parent, const std::string& name);
std::optional<std::string> stringMember(const JsonObject& parent, const std::string& name);
std::optional<bool> boolMember(const JsonObject& parent, const std::string& name);
std::optional<std::int64_t> integerMember(const JsonObject& parent, const std::string& name);

/// The member as a Kubernetes quantity may be written: a string, or a number (as its text).
std::optional<std::string> quantityMember(const JsonObject& parent, const std::string& name);

/// The element as an object. Throws std::invalid_argument naming the list if it is none.
JsonObject objectElement(const JsonArray& list, unsigned index, const char* listName);

}  // namespace dormouse::injector
