// The options of kubectl-mirror: their names, their values, what --help says of them.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <string>
#include <vector>

namespace dormouse::client {

/// All of them, in groups as --help prints them. Their values are texts; parseArguments() reads
/// them.
boost::program_options::options_description visibleOptions();

/// An option as it is typed, for completion.
struct OptionName {
  std::string longName;   // Without its hyphens.
  std::string shortName;  // A letter, or empty.
  bool takesValue = false;
  std::string description;
};
std::vector<OptionName> optionNames();

/// What --help prints, exit codes included.
std::string helpText();

}  // namespace dormouse::client
