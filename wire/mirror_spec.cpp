#include "wire/mirror_spec.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "common/quote.h"
#include "wire/spec_checks.h"
#include "wire/strict_json.h"

namespace dormouse::wire {
namespace {

std::string wantString(const std::string& key, const Poco::Dynamic::Var& value) {
  auto text = jsonString(value);
  if (!text) throw SpecError(key, key + ": a string is wanted");
  return std::move(*text);
}

Poco::JSON::Array::Ptr wantArray(const std::string& key, const std::string& of,
                                 const Poco::Dynamic::Var& value) {
  if (value.type() != typeid(Poco::JSON::Array::Ptr)) {
    throw SpecError(key, key + ": an array of " + of + " is wanted");
  }
  return value.extract<Poco::JSON::Array::Ptr>();
}

void readPorts(MirrorSpec& spec, const Poco::Dynamic::Var& value) {
  for (const Poco::Dynamic::Var& item : *wantArray("ports", "port numbers", value)) {
    const auto port = jsonUnsigned(item);
    if (!port) throw SpecError("ports", "ports: whole numbers from 1 to 65535 are wanted");
    addPort(spec, "ports", *port);
  }
}

Poco::JSON::Object::Ptr wantObject(const std::string& key, const Poco::Dynamic::Var& value) {
  auto object = jsonObject(value);
  if (!object) throw SpecError(key, key + ": an object is wanted");
  return object;
}

bool wantFlag(const std::string& key, const Poco::Dynamic::Var& value) {
  if (!value.isBoolean()) throw SpecError(key, key + ": true or false is wanted");
  return value.extract<bool>();
}

double wantNumber(const std::string& key, const Poco::Dynamic::Var& value) {
  if (value.isEmpty() || value.isBoolean() || !value.isNumeric()) {
    throw SpecError(key, key + ": a number is wanted");
  }
  return value.convert<double>();
}

void readSources(MirrorSpec& spec, const std::string& key, const Poco::Dynamic::Var& value) {
  for (const Poco::Dynamic::Var& item : *wantArray(key, "networks", value)) {
    addSource(spec, key, wantString(key, item));
  }
  if (spec.sources.empty()) throw SpecError(key, key + ": at least one network is wanted");
}

void readMethods(MirrorSpec& spec, const std::string& key, const Poco::Dynamic::Var& value) {
  for (const Poco::Dynamic::Var& item : *wantArray(key, "methods", value)) {
    addMethod(spec, key, wantString(key, item));
  }
  if (spec.requests.methods.empty()) throw SpecError(key, key + ": at least one method is wanted");
}

void readHeaders(MirrorSpec& spec, const std::string& key, const Poco::Dynamic::Var& value) {
  for (const auto& [name, patterns] : *wantObject(key, value)) {
    if (patterns.type() != typeid(Poco::JSON::Array::Ptr)) {
      addHeader(spec, key, name, wantString(key, patterns));
      continue;
    }
    const Poco::JSON::Array::Ptr several = patterns.extract<Poco::JSON::Array::Ptr>();
    if (several->size() == 0) throw SpecError(key, key + ": at least one pattern is wanted");
    for (const Poco::Dynamic::Var& pattern : *several) {
      addHeader(spec, key, name, wantString(key, pattern));
    }
  }
  if (spec.requests.headers.empty()) throw SpecError(key, key + ": at least one header is wanted");
}

void readFilter(MirrorSpec& spec, const Poco::Dynamic::Var& value) {
  for (const auto& [name, member] : *wantObject("filter", value)) {
    const std::string key = "filter." + name;
    if (name == "source") {
      readSources(spec, key, member);
    } else if (name == "methods") {
      readMethods(spec, key, member);
    } else if (name == "path") {
      spec.requests.path = checkPattern(key, wantString(key, member));
    } else if (name == "headers") {
      readHeaders(spec, key, member);
    } else if (name == "probes") {
      spec.requests.probes = wantFlag(key, member);
    } else {
      refuseKey(key);
    }
  }
}

void readRedact(MirrorSpec& spec, const Poco::Dynamic::Var& value) {
  for (const Poco::Dynamic::Var& item : *wantArray("redact", "names", value)) {
    addRedaction(spec, "redact", wantString("redact", item));
  }
  if (spec.redact.empty()) throw SpecError("redact", "redact: at least one name is wanted");
}

void readSample(MirrorSpec& spec, const Poco::Dynamic::Var& value) {
  for (const auto& [name, member] : *wantObject("sample", value)) {
    const std::string key = "sample." + name;
    if (name == "percent") {
      spec.requests.percent = checkPercent(key, wantNumber(key, member));
    } else if (name == "by") {
      spec.requests.by = checkBy(key, wantString(key, member));
    } else {
      refuseKey(key);
    }
  }
  if (spec.requests.percent == 0) {
    throw SpecError("sample.percent", "sample.percent: a share is wanted");
  }
}

}  // namespace

std::string_view protocolName(Protocol protocol) {
  return protocol == Protocol::kTcp ? "tcp" : "udp";
}

std::string_view midstreamName(Midstream midstream) {
  return midstream == Midstream::kHttp ? "http" : "raw";
}

std::string_view http2Name(Http2 http2) {
  return http2 == Http2::kRequests ? "requests" : "raw";
}

std::string_view formatName(Format format) {
  switch (format) {
    case Format::kFrames:
      return "frames";
    case Format::kPcap:
      return "pcap";
    case Format::kNdjson:
      return "ndjson";
    case Format::kHttp:
      return "http";
  }
  return {};
}

HostPort parseHostPort(std::string_view text) {
  const auto refuse = [&](const char* why) {
    throw std::invalid_argument(inQuotes(text) + " " + why);
  };
  HostPort result;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse("has no port; HOST:PORT is wanted");
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), result.port);
  if (error != std::errc() || end != digits.data() + digits.size() || result.port == 0) {
    refuse("has no port from 1 to 65535 at its end");
  }
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) refuse("has a bracket that is not closed");
    host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    if (!address || host.find(':') == std::string_view::npos) refuse("has no IPv6 address in []");
  } else {
    if (host.find(':') != std::string_view::npos) refuse("needs its IPv6 address in []");
    const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.' || c == '_';
    });
    if (host.empty() || host.size() > 253 || !plain) refuse("has no valid host name");
  }
  result.host = std::string(host);
  return result;
}

MirrorSpec parsePushSpec(std::string_view json) {
  Poco::JSON::Object::Ptr body;
  try {
    body = parseStrictObject(json);
  } catch (const std::invalid_argument& error) {
    throw SpecError("", error.what());
  }
  MirrorSpec spec;
  for (const auto& [key, value] : *body) {
    if (key == "ports") {
      readPorts(spec, value);
    } else if (key == "protocol") {
      spec.protocol = checkProtocol(key, wantString(key, value));
    } else if (key == "to") {
      spec.to = wantString(key, value);
      try {
        parseHostPort(spec.to);
      } catch (const std::invalid_argument& error) {
        throw SpecError(key, "to: " + std::string(error.what()));
      }
    } else if (key == "ttl") {
      spec.ttl = checkTtl(key, wantString(key, value));
    } else if (key == "midstream") {
      spec.midstream = checkMidstream(key, wantString(key, value));
    } else if (key == "h2") {
      spec.http2 = checkHttp2(key, wantString(key, value));
    } else if (key == "filter") {
      readFilter(spec, value);
    } else if (key == "sample") {
      readSample(spec, value);
    } else if (key == "rate") {
      const auto rate = jsonUnsigned(value);
      if (!rate) throw SpecError(key, "rate: a whole number of requests a second is wanted");
      spec.requests.rate = checkRate(key, *rate);
    } else if (key == "responses") {
      throw SpecError(key, "responses: a push mirror has none; GET /v1/stream carries them");
    } else if (key == "redact") {
      readRedact(spec, value);
    } else if (key == "mark") {
      spec.mark = wantFlag(key, value);
    } else {
      refuseKey(key);
    }
  }
  finishPorts(spec, "ports");
  finishRequests(spec, {"sample.percent", "sample.by"});
  if (spec.to.empty()) {
    throw SpecError("to", "to: a destination HOST:PORT is wanted; GET /v1/stream needs none");
  }
  return spec;
}

}  // namespace dormouse::wire
