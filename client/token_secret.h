// The developer's token out of the namespace's Secret.
#pragma once

#include <Poco/JSON/Object.h>

#include <string>

namespace dormouse::client {

/// The token of the principal `as`; if that is empty, the only one there is, else the one called
/// "developer". `object`: a Secret as kubectl prints it. Throws ObjectError with a sentence that
/// holds the principals' names but never a value.
std::string tokenFromSecret(const Poco::JSON::Object& object, const std::string& as);

/// Empty if the text can be a token: printable ASCII without spaces, at most 4096 bytes. Else what
/// is wrong with it.
std::string faultOfToken(const std::string& token);

}  // namespace dormouse::client
