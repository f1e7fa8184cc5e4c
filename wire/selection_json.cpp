// selectionToJson of wire/mirror_spec.h.
#include <Poco/JSON/Array.h>

#include "wire/mirror_spec.h"

namespace dormouse::wire {
namespace {

Poco::JSON::Object::Ptr fresh() {
  return new Poco::JSON::Object(Poco::JSON_PRESERVE_KEY_ORDER);
}

/// By name: a pattern, or an array of them if the name has several.
Poco::JSON::Object::Ptr headersToJson(const std::vector<RequestSelection::Header>& headers) {
  Poco::JSON::Object::Ptr object = fresh();
  for (const auto& header : headers) {
    if (!object->has(header.name)) {
      object->set(header.name, header.pattern);
      continue;
    }
    Poco::JSON::Array::Ptr patterns = object->getArray(header.name);
    if (!patterns) {
      patterns = new Poco::JSON::Array;
      patterns->add(object->get(header.name));
      object->set(header.name, patterns);
    }
    patterns->add(header.pattern);
  }
  return object;
}

}  // namespace

Poco::JSON::Object::Ptr selectionToJson(const MirrorSpec& spec) {
  const RequestSelection& requests = spec.requests;
  Poco::JSON::Object::Ptr filter = fresh();
  if (!requests.methods.empty()) {
    Poco::JSON::Array::Ptr methods = new Poco::JSON::Array;
    for (const std::string& method : requests.methods) methods->add(method);
    filter->set("methods", methods);
  }
  if (!requests.path.empty()) filter->set("path", requests.path);
  if (!requests.headers.empty()) filter->set("headers", headersToJson(requests.headers));
  if (requests.probes) filter->set("probes", *requests.probes);
  if (!spec.sources.empty()) {
    Poco::JSON::Array::Ptr sources = new Poco::JSON::Array;
    for (const Network& source : spec.sources) sources->add(source.toString());
    filter->set("source", sources);
  }

  Poco::JSON::Object::Ptr object = fresh();
  if (filter->size() > 0) object->set("filter", filter);
  if (requests.percent > 0) {
    Poco::JSON::Object::Ptr sample = fresh();
    sample->set("percent", requests.percent);
    if (!requests.by.empty()) sample->set("by", requests.by);
    object->set("sample", sample);
  } else if (spec.ceilingPercent > 0 && !spec.ofRequests()) {
    Poco::JSON::Object::Ptr sample = fresh();
    sample->set("percent", spec.ceilingPercent);
    sample->set("of", "connections");
    object->set("sample", sample);
  }
  if (requests.rate > 0) object->set("rate", requests.rate);
  if (spec.responses) object->set("responses", true);
  if (!spec.redact.empty()) {
    Poco::JSON::Array::Ptr redact = new Poco::JSON::Array;
    for (const std::string& redaction : spec.redact) redact->add(redaction);
    object->set("redact", redact);
  }
  if (spec.mark) object->set("mark", true);
  return object;
}

}  // namespace dormouse::wire
