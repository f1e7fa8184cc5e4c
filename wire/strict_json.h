// JSON objects from hostile text: what Poco's parser lets pass is refused here.
#pragma once

#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Object.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dormouse::wire {

/// Parses `text` as one JSON object (RFC 8259). Throws std::invalid_argument with a sentence if it
/// is anything else: no object, trailing text, a key twice in one object, objects and arrays nested
/// deeper than `maxDepth`, a NUL byte, a number that no double holds, broken UTF-8. Never throws
/// anything else but std::bad_alloc.
Poco::JSON::Object::Ptr parseStrictObject(std::string_view text, int maxDepth = 8);

/// The value if it is a JSON integer from 0 to 2^64 - 1; nothing for 1.0, "1", true and null.
std::optional<std::uint64_t> jsonUnsigned(const Poco::Dynamic::Var& value);

/// The value if it is a JSON string; nothing for numbers, which Poco would convert.
std::optional<std::string> jsonString(const Poco::Dynamic::Var& value);

/// The value if it is a JSON object; null otherwise.
Poco::JSON::Object::Ptr jsonObject(const Poco::Dynamic::Var& value);

}  // namespace dormouse::wire
