#include "wire/strict_json.h"

#include <Poco/Exception.h>
#include <Poco/JSON/JSONException.h>
#include <Poco/JSON/ParseHandler.h>
#include <Poco/JSON/Parser.h>

#include <set>
#include <stdexcept>
#include <vector>

#include "common/json_outline.h"
#include "common/quote.h"

namespace dormouse::wire {
namespace {

/// Poco's handler lets the last of two equal keys win; this one refuses the second.
class UniqueKeys final : public Poco::JSON::ParseHandler {
 public:
  void startObject() override {
    keys_.emplace_back();
    ParseHandler::startObject();
  }
  void endObject() override {
    keys_.pop_back();
    ParseHandler::endObject();
  }
  void key(const std::string& name) override {
    if (!keys_.back().insert(name).second) {
      throw std::invalid_argument("the key " + inQuotes(name) + " stands twice in one object");
    }
    ParseHandler::key(name);
  }

 private:
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Poco::JSON::Object::Ptr parseStrictObject(std::string_view text, int maxDepth) {
  checkJsonOutline(text, {.maxDepth = maxDepth});
  try {
    Poco::JSON::Parser parser(new UniqueKeys);
    const Poco::Dynamic::Var value = parser.parse(std::string(text));
    if (auto object = jsonObject(value)) return object;
  } catch (const Poco::Exception&) {
    // Poco's own sentence speaks of its internals; JSONException and SyntaxException both come.
    throw std::invalid_argument("this is not valid JSON");
  }
  throw std::invalid_argument("a JSON object is wanted");
}

std::optional<std::uint64_t> jsonUnsigned(const Poco::Dynamic::Var& value) {
  if (value.isEmpty() || value.isBoolean() || !value.isInteger()) return std::nullopt;
  try {
    return value.convert<Poco::UInt64>();
  } catch (const Poco::Exception&) {
    return std::nullopt;  // Negative.
  }
}

std::optional<std::string> jsonString(const Poco::Dynamic::Var& value) {
  if (value.type() != typeid(std::string)) return std::nullopt;
  return value.extract<std::string>();
}

Poco::JSON::Object::Ptr jsonObject(const Poco::Dynamic::Var& value) {
  if (value.type() != typeid(Poco::JSON::Object::Ptr)) return {};
  return value.extract<Poco::JSON::Object::Ptr>();
}

}  // namespace dormouse::wire
