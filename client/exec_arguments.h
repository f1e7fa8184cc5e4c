// The command line of `exec`.
#pragma once

#include <boost/program_options/variables_map.hpp>
#include <string>
#include <vector>

#include "client/arguments.h"

namespace dormouse::client {

/// Takes the first "--" and all behind it off a command line; what stood behind it.
std::vector<std::string> takeBehindDashes(std::vector<std::string>& arguments);

/// Reads what is exec's alone; its program stands in `result` already. `words`: those that are
/// neither options nor the target. Throws UsageError.
void readExec(Arguments& result, const boost::program_options::variables_map& values,
              const std::vector<std::string>& words);

}  // namespace dormouse::client
