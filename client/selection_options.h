// The options that select HTTP requests and say what becomes of them.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>
#include <utility>
#include <vector>

namespace dormouse::client {

boost::program_options::options_description selectionOptions();

/// Those that were given, as the sidecar's query keys (wire/mirror_spec.h) of the same names, in
/// their order; those that may be repeated once for each value.
std::vector<std::pair<std::string, std::string>> selectionQuery(
    const boost::program_options::variables_map& values);

}  // namespace dormouse::client
