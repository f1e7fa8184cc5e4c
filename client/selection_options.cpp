#include "client/selection_options.h"

#include <boost/program_options/value_semantic.hpp>

namespace dormouse::client {
namespace {

namespace po = boost::program_options;

po::typed_value<std::vector<std::string>>* repeated(const char* name) {
  return po::value<std::vector<std::string>>()->composing()->value_name(name);
}

po::typed_value<std::string>* once(const char* name) {
  return po::value<std::string>()->value_name(name);
}

}  // namespace

po::options_description selectionOptions() {
  po::options_description options(
      "Which HTTP requests (with any of these, connections of other protocols are left out)");
  options.add_options()  //
      ("method", repeated("METHOD"),
       "only this method, or safe: GET, HEAD and OPTIONS; may be given several times")  //
      ("path", once("REGEX"), "only paths (without query) in which this is found")      //
      ("header", repeated("NAME:REGEX"),
       "only requests with such a header; may be given several times, and all must match")  //
      ("percent", once("SHARE"), "a sample of what is left, above 0 and at most 100")       //
      ("by", once("header:NAME|cookie:NAME|trace"),
       "what has the same value is in the sample or out of it together")  //
      ("rate", once("N"), "at most so many requests a second")            //
      ("probes", po::bool_switch(), "the kubelet's probes too")           //
      ("redact", repeated("NAME|cookie:NAME|json:PATH"),
       "hide the values of this header, cookie or JSON member, such as json:$.user.password, "
       "before "
       "they leave the pod; may be given several times")  //
      ("mark", po::bool_switch(),
       "add the header x-mirrored-by, so that a request is not mirrored again behind the program");
  return options;
}

std::vector<std::pair<std::string, std::string>> selectionQuery(const po::variables_map& values) {
  std::vector<std::pair<std::string, std::string>> query;
  const auto add = [&](const char* name, const std::string& value) {
    query.emplace_back(name, value);
  };
  for (const char* name : {"method", "header", "redact"}) {
    if (values.count(name) == 0) continue;
    for (const auto& value : values[name].as<std::vector<std::string>>()) add(name, value);
  }
  for (const char* name : {"path", "percent", "by", "rate"}) {
    if (values.count(name) != 0) add(name, values[name].as<std::string>());
  }
  for (const char* name : {"probes", "mark"}) {
    if (values[name].as<bool>()) add(name, "true");
  }
  return query;
}

}  // namespace dormouse::client
