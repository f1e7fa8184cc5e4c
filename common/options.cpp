#include "common/options.h"

#include <unistd.h>

#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>
#include <fstream>
#include <ostream>

#include "common/version.h"

namespace dormouse {
namespace {

namespace po = boost::program_options;

// "DORMOUSE_TOKEN_DIR" -> "token-dir"; empty if the variable is no option.
std::string optionOf(const std::string& variable, const std::string& prefix,
                     const po::options_description& all) {
  if (variable.rfind(prefix + "_", 0) != 0) return "";
  std::string name = variable.substr(prefix.size() + 1);
  for (char& c : name) {
    if (c == '_') {
      c = '-';
    } else if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    } else if (c < '0' || c > '9') {
      return "";
    }
  }
  // An empty name would match every option.
  return name.empty() || all.find_nothrow(name, false) == nullptr ? "" : name;
}

// What a variable says of a switch, which as a flag has no value.
bool switchedOn(const std::string& variable, const std::string& value) {
  if (value != "true" && value != "false") {
    throw OptionError(variable + " must be true or false, not '" + value + "'");
  }
  return value == "true";
}

po::parsed_options fromEnvironment(const Options::Environment& environment,
                                   const std::string& prefix, const po::options_description& all) {
  po::parsed_options parsed(&all);
  for (const auto& [variable, value] : environment) {
    const std::string name = optionOf(variable, prefix, all);
    if (name.empty()) continue;
    po::option option(name, {});
    if (all.find(name, false).semantic()->max_tokens() == 0) {
      if (!switchedOn(variable, value)) continue;
    } else {
      option.value.push_back(value);
    }
    option.original_tokens.push_back(variable);
    parsed.options.push_back(option);
  }
  return parsed;
}

// Boost's exceptions speak of "the argument for option"; this is one sentence for all sources.
template <typename Parse>
void explained(const std::string& source, const Parse& parse) {
  try {
    parse();
  } catch (const po::unknown_option& error) {
    throw OptionError("unknown option '" + error.get_option_name() + "'" + source);
  } catch (const po::error& error) {
    throw OptionError(error.what() + source);
  }
}

template <typename Value, typename Parse>
void validateWith(boost::any& value, const std::vector<std::string>& texts, const Parse& parse) {
  po::validators::check_first_occurrence(value);
  const std::string& text = po::validators::get_single_string(texts);
  const auto parsed = parse(text);
  if (!parsed) throw po::invalid_option_value(text);
  value = boost::any(Value{*parsed});
}

}  // namespace

Options::Options(std::string program, std::string summary, std::string prefix)
    : program_(std::move(program)), summary_(std::move(summary)), prefix_(std::move(prefix)) {
  po::options_description general("General");
  // clang-format off
  general.add_options()
      ("help,h", "print this and exit")
      ("version", "print the version and exit")
      ("config", po::value(&config_)->value_name("FILE"),
       "read NAME=VALUE lines from this file; flags and environment count more");
  // clang-format on
  add(general);
}

void Options::add(const po::options_description& group) {
  groups_.push_back(group);
  all_.add(group);
}

std::optional<int> Options::parse(const std::vector<std::string>& arguments,
                                  const Environment& environment, std::ostream& out,
                                  std::ostream& err, const std::function<void()>& check) {
  std::optional<int> exit;
  try {
    bool version = false;
    store(arguments, environment, out, exit, version);
    if (!exit && (!version || arguments.size() > 1)) check();
    if (version) {
      out << program_ << " " << kVersion << "\n";
      exit = 0;
    }
  } catch (const OptionError& error) {
    err << program_ << ": " << error.what() << "\nTry '" << program_ << " --help'.\n";
    return kBadUsage;
  }
  return exit;
}

void Options::store(const std::vector<std::string>& arguments, const Environment& environment,
                    std::ostream& out, std::optional<int>& exit, bool& version) {
  po::variables_map values;
  explained("", [&] {
    // No guessing of abbreviations: a flag added later would change what an old line means.
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const po::positional_options_description none;
    po::store(po::command_line_parser(arguments).options(all_).positional(none).style(style).run(),
              values);
  });
  if (values.count("help") != 0) {
    help(out);
    exit = 0;
    return;
  }
  version = values.count("version") != 0;
  if (version) {
    if (arguments.size() > 1) explained("", [&] { po::notify(values); });
    return;
  }
  explained(" (from the environment)",
            [&] { po::store(fromEnvironment(environment, prefix_, all_), values); });
  if (values.count("config") != 0) {
    const auto file = values["config"].as<std::string>();
    std::ifstream stream(file);
    if (!stream) throw OptionError("cannot read the file '" + file + "' that --config names");
    explained(" (in " + file + ")",
              [&] { po::store(po::parse_config_file(stream, all_, false), values); });
    if (stream.bad()) throw OptionError("cannot read the file '" + file + "' that --config names");
  }
  explained("", [&] { po::notify(values); });
}

void Options::help(std::ostream& out) const {
  out << summary_ << "\n\nUsage: " << program_ << " [options]\n";
  for (const auto& group : groups_) out << "\n" << group;
  out << "\nEvery option can also be set as " << prefix_
      << "_NAME in the environment, with _ for each -,\nor as name=value in the file that --config "
         "names. Sizes: 65536, 64KiB, 8MiB.\nDurations: 5ms, 90s, 30m, 1h30m.\n";
}

Options::Environment Options::processEnvironment() {
  Environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) result[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return result;
}

void validate(boost::any& value, const std::vector<std::string>& texts, ByteSize*, int) {
  validateWith<ByteSize>(value, texts, parseByteSize);
}

void validate(boost::any& value, const std::vector<std::string>& texts, Duration*, int) {
  validateWith<Duration>(value, texts, parseDuration);
}

}  // namespace dormouse
