// The options of --compare.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <optional>

#include "client/response_compare.h"

namespace dormouse::client {

boost::program_options::options_description compareOptions();

/// Nothing unless responses are to be compared. Throws std::invalid_argument with a sentence if an
/// option is wrong, or given without --compare.
std::optional<CompareRules> compareRulesOf(const boost::program_options::variables_map& values);

}  // namespace dormouse::client
