#include "injector/json.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Parser.h>
#include <Poco/JSON/Stringifier.h>

#include <sstream>
#include <stdexcept>

#include "common/json_outline.h"
#include "common/quote.h"

namespace dormouse::injector {
namespace {

constexpr JsonBounds kBounds = {.maxDepth = 64, .maxValues = 300'000};

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
  checkJsonOutline(text, kBounds);
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
