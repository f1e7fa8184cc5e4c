// A program's options: flags, then environment, then a file.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/units.h"

namespace dormouse {

/// Something is wrong with an option. what() is a sentence that names it.
class OptionError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A program's options, in groups that each part describes for itself. A value is taken from the
/// flags, else from the environment (`--token-dir` is PREFIX_TOKEN_DIR), else from the file that
/// --config names (NAME=VALUE lines, # begins a comment). Variables with the prefix that name no
/// option are ignored: Kubernetes sets such ones for a Service of the same name.
class Options {
 public:
  using Environment = std::map<std::string, std::string>;
  static constexpr int kBadUsage = 2;  // The exit code of a program whose options are wrong.

  /// `program`: "dormouse-sidecar"; `summary`: one sentence; `prefix`: "DORMOUSE".
  Options(std::string program, std::string summary, std::string prefix);

  /// Adds a group; its caption is its heading in --help. Values are bound to the caller's
  /// variables (boost::program_options::value(&variable)), which must outlive parse().
  void add(const boost::program_options::options_description& group);

  /// Fills the bound variables, then calls `check`, which may convert them, and throws OptionError
  /// for values that are wrong, alone or together. Returns the exit code if the program is to end
  /// at once: 0 after --help or --version (written to `out`), kBadUsage after an error (a sentence
  /// on `err`). `arguments` is without the program's name. Flags beside --version are checked, so
  /// that whoever is going to pass them learns whether they are right; nothing else is.
  std::optional<int> parse(
      const std::vector<std::string>& arguments, const Environment& environment, std::ostream& out,
      std::ostream& err, const std::function<void()>& check = [] {});

  /// The process's environment.
  static Environment processEnvironment();

 private:
  void store(const std::vector<std::string>& arguments, const Environment& environment,
             std::ostream& out, std::optional<int>& exit, bool& version);
  void help(std::ostream& out) const;

  const std::string program_;
  const std::string summary_;
  const std::string prefix_;
  std::string config_;
  boost::program_options::options_description all_;
  std::vector<boost::program_options::options_description> groups_;
};

// Found by Boost.Program_options through argument-dependent lookup.
void validate(boost::any& value, const std::vector<std::string>& texts, ByteSize* target, int);
void validate(boost::any& value, const std::vector<std::string>& texts, Duration* target, int);

}  // namespace dormouse
