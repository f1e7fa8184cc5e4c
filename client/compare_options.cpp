#include "client/compare_options.h"

#include <boost/program_options/value_semantic.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/quote.h"
#include "wire/redaction.h"

namespace dormouse::client {
namespace {

namespace po = boost::program_options;
using Texts = std::vector<std::string>;

Texts textsOf(const po::variables_map& values, const char* option) {
  return values.count(option) == 0 ? Texts{} : values[option].as<Texts>();
}

}  // namespace

po::options_description compareOptions() {
  po::options_description options("Comparing responses");
  options.add_options()  //
      ("compare", po::bool_switch(),
       "compare what the local program answers with what the pod does: status and body")  //
      ("compare-header", po::value<Texts>()->composing()->value_name("NAME"),
       "and this header; may be given several times")  //
      ("ignore", po::value<Texts>()->composing()->value_name("PATH"),
       "not these members of JSON bodies, such as $.timestamp, $.items[*].id or $..etag; may be "
       "given several times");
  return options;
}

std::optional<CompareRules> compareRulesOf(const po::variables_map& values) {
  CompareRules rules;
  rules.headers = textsOf(values, "compare-header");
  for (const std::string& name : rules.headers) {
    if (!wire::isToken(name)) {
      throw std::invalid_argument("--compare-header: " + inQuotes(name) + " is no header's name");
    }
  }
  std::vector<MemberPath> paths;
  for (const std::string& text : textsOf(values, "ignore")) {
    if (paths.size() == kMaxMemberPaths) {
      throw std::invalid_argument("--ignore: at most " + std::to_string(kMaxMemberPaths) +
                                  " paths are possible");
    }
    try {
      paths.push_back(parseMemberPath(text));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("--ignore: " + std::string(error.what()));
    }
  }
  rules.ignored = MemberMatcher(paths);
  if (values["compare"].as<bool>()) return rules;
  for (const char* option : {"compare-header", "ignore"}) {
    if (values.count(option) != 0) {
      throw std::invalid_argument(std::string("--") + option + " needs --compare");
    }
  }
  return std::nullopt;
}

}  // namespace dormouse::client
