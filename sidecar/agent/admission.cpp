#include "agent/admission.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "common/problem.h"
#include "common/units.h"
#include "mirror/redactions.h"
#include "mirror/request_editor.h"
#include "mirror/request_gate.h"
#include "mirror/request_stage.h"
#include "mirror/response_stage.h"

namespace dormouse::agent {
namespace {

bool contains(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

/// What a key is called in the query, or in the body.
std::string keyOf(const wire::MirrorSpec& spec, const char* ofQuery, const char* ofBody) {
  return spec.to.empty() ? ofQuery : ofBody;
}

std::string mebibytes(std::size_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20U) + " MiB";
}

/// What one mirror may take beside what all share.
std::size_t memoryOf(const Settings& settings, const wire::MirrorSpec& spec) {
  const bool edits = !spec.redact.empty() || spec.mark;
  return settings.mirror.budgetBytes + 2 * mirror::RequestStage::kMemory +
         (edits ? mirror::RequestEditor::kMemory : 0) +
         (spec.responses ? mirror::ResponseStage::kMemory : 0) +
         mirror::RequestGate::memoryFor(spec.requests);
}

/// Only here regular expressions can be compiled.
void admitRequests(const wire::MirrorSpec& spec) {
  try {
    http::HeadStart unused;
    const mirror::RequestGate gate(spec, unused);
  } catch (const http::PatternError& error) {
    const bool isPath = error.part() == "path";
    const std::string key =
        isPath ? keyOf(spec, "path", "filter.path") : keyOf(spec, "header", "filter.headers");
    throw Problem(400, key + ": " + error.what(), key);
  }
}

/// The sample is what was asked for, but never more than the ceiling.
void admitShare(wire::MirrorSpec& spec, double ceiling) {
  if (ceiling >= 100) return;
  spec.ceilingPercent = ceiling;
  double& percent = spec.requests.percent;
  if (percent > ceiling) {
    const std::string key = keyOf(spec, "percent", "sample.percent");
    std::ostringstream sentence;
    sentence << key << ": " << percent << " is above the " << ceiling
             << " percent that the administrator allows";
    throw Problem(403, sentence.str(), key);
  }
  if (percent == 0 && spec.ofRequests()) percent = ceiling;
}

[[noreturn]] void refuseUnredacted(const std::string& key, const std::string& what) {
  throw Problem(403, key + ": " + what, key);
}

/// Whatever could bring what is redacted, or answer questions about it, is refused.
void admitRedacted(wire::MirrorSpec& spec, const std::vector<std::string>& always) {
  for (const std::string& name : always) {
    if (std::find(spec.redact.begin(), spec.redact.end(), name) == spec.redact.end()) {
      spec.redact.push_back(name);
    }
  }
  if (spec.redact.empty()) return;
  if (spec.to.empty() && spec.format == wire::Format::kPcap) {
    refuseUnredacted("format", "\"pcap\" holds packets as they are, and redaction is in force");
  }
  if (spec.protocol == wire::Protocol::kUdp) {
    refuseUnredacted("protocol",
                     "only HTTP can be redacted, which is tcp, and redaction is in force");
  }
  if (spec.midstream == wire::Midstream::kRaw) {
    refuseUnredacted(
        "midstream",
        "\"raw\" hands on bytes from the middle of requests, and redaction is in force");
  }
  if (spec.http2 == wire::Http2::kRaw) {
    refuseUnredacted("h2", "\"raw\" hands on bytes as they are, and redaction is in force");
  }
  const mirror::Redactions redactions(spec.redact);
  for (const wire::RequestSelection::Header& header : spec.requests.headers) {
    if (!redactions.hideHeader(header.name)) continue;
    refuseUnredacted(keyOf(spec, "header", "filter.headers"),
                     header.name + " is redacted: nothing may be selected by it");
  }
  if (redactions.hideKey(spec.requests.by)) {
    refuseUnredacted(keyOf(spec, "by", "sample.by"),
                     spec.requests.by + " is redacted: nothing may be selected by it");
  }
}

}  // namespace

wire::MirrorSpec admitSpec(const Settings& settings, wire::MirrorSpec spec) {
  const MirrorSettings& limits = settings.mirror;
  for (const std::uint16_t port : spec.ports) {
    if (contains(limits.ownPorts, port)) {
      throw Problem(
          400,
          "port " + std::to_string(port) + " is the sidecar's own: its traffic cannot be mirrored",
          keyOf(spec, "port", "ports"));
    }
    if (!limits.allowedPorts.empty() && !contains(limits.allowedPorts, port)) {
      throw Problem(
          403,
          "port " + std::to_string(port) + " is not among the ports that the administrator allows",
          keyOf(spec, "port", "ports"));
    }
  }
  if (spec.ttl.count() == 0) spec.ttl = std::min(limits.defaultTtl, limits.maxTtl);
  if (spec.ttl > limits.maxTtl) {
    throw Problem(400,
                  "ttl " + formatDuration(spec.ttl) + " is above the maximum of " +
                      formatDuration(limits.maxTtl),
                  "ttl");
  }
  admitRedacted(spec, limits.redactHeaders);
  admitShare(spec, limits.maxPercent);
  admitRequests(spec);
  return spec;
}

void admitOneMore(const Settings& settings, const std::vector<Neighbour>& others,
                  const wire::MirrorSpec& spec) {
  const std::size_t wanted = others.size() + 1;
  if (wanted > settings.mirror.maxMirrors) {
    std::map<std::string_view, int> byOwner;
    for (const Neighbour& other : others) ++byOwner[other.owner];
    std::string who;
    for (const auto& [owner, number] : byOwner) {
      if (!who.empty()) who += ", ";
      who.append(owner).append(" ").append(std::to_string(number));
    }
    throw Problem(409, "all " + std::to_string(settings.mirror.maxMirrors) +
                           " mirrors of this pod are in use (" + who + "): one must end first");
  }
  const std::size_t rings = wanted * settings.capture.ringBytes;
  if (rings > settings.capture.ringBytesTotal) {
    throw Problem(503, std::to_string(wanted) + " capture rings would take " + mebibytes(rings) +
                           ", more than the " + mebibytes(settings.capture.ringBytesTotal) +
                           " that all of them may: one mirror must end first");
  }
  std::size_t bytes = MemorySettings::kBaseBytes + settings.reassembly.heldTotal +
                      settings.reassembly.maxFlows * reassembly::Limits::kBytesPerFlow +
                      memoryOf(settings, spec);
  for (const Neighbour& other : others) bytes += memoryOf(settings, other.spec);
  if (bytes > settings.memory.limitBytes) {
    throw Problem(503, "with " + std::to_string(wanted) + " mirrors the sidecar may need " +
                           mebibytes(bytes) + ", and its memory limit is " +
                           mebibytes(settings.memory.limitBytes) +
                           ": raise the limit, lower the mirrors' budget, ask for fewer regular " +
                           "expressions, or end one first");
  }
}

}  // namespace dormouse::agent
