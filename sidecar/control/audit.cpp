#include "control/audit.h"

#include <Poco/JSON/Array.h>

namespace dormouse::control {
namespace {

constexpr int kIntrusionLines = 10;
constexpr auto kWindow = std::chrono::minutes(1);

void append(Log::Fields& fields, const Log::Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
}

}  // namespace

Log::Fields Audit::describe(const wire::MirrorSpec& spec) {
  Poco::JSON::Array::Ptr ports(new Poco::JSON::Array);
  for (const std::uint16_t port : spec.ports) ports->add(port);
  Poco::JSON::Array::Ptr sources(new Poco::JSON::Array);
  for (const Network& source : spec.sources) sources->add(source.toString());
  Log::Fields fields = {
      {"ports", ports},
      {"protocol", std::string(wire::protocolName(spec.protocol))},
      {"destination",
       spec.to.empty() ? "stream:" + std::string(wire::formatName(spec.format)) : spec.to},
      {"source", sources},
      {"midstream", std::string(wire::midstreamName(spec.midstream))},
      {"ttl_seconds", static_cast<Poco::Int64>(spec.ttl.count())}};
  const Poco::JSON::Object::Ptr selection = wire::selectionToJson(spec);
  for (const auto& [name, value] : *selection) fields.emplace_back(name, value);
  return fields;
}

void Audit::wake(const mirror::MirrorReport& report) {
  Log::Fields fields = {{"audit", "wake"}, {"principal", report.owner}, {"mirror", report.id}};
  append(fields, describe(report.spec));
  log_.info("a mirror woke", fields);
}

void Audit::sleep(const mirror::MirrorReport& report) {
  Log::Fields fields = {{"audit", "sleep"}, {"principal", report.owner}, {"mirror", report.id}};
  append(fields, describe(report.spec));
  append(fields, {{"because", report.endedBecause},
                  {"ledger", wire::toJson(report.ledger)},
                  {"verdict", report.verdict}});
  log_.info("a mirror went to sleep", fields);
}

void Audit::refusal(const std::string& principal, const std::string& what, const Problem& problem) {
  Log::Fields fields = {{"audit", "refusal"},
                        {"principal", principal},
                        {"request", what},
                        {"status", problem.status()},
                        {"detail", std::string(problem.what())}};
  if (!problem.key().empty()) fields.emplace_back("key", problem.key());
  log_.warn("a request was refused", fields);
}

void Audit::intrusion(const std::string& peer, const std::string& what, const Problem& problem) {
  std::uint64_t leftOut = 0;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    if (now - windowBegan_ >= kWindow) {
      windowBegan_ = now;
      linesInWindow_ = 0;
    }
    if (linesInWindow_ == kIntrusionLines) {
      ++leftOut_;
      return;
    }
    ++linesInWindow_;
    std::swap(leftOut, leftOut_);
  }
  Log::Fields fields = {{"audit", "refusal"},
                        {"peer", peer},
                        {"request", what},
                        {"status", problem.status()},
                        {"detail", std::string(problem.what())}};
  if (leftOut != 0) fields.emplace_back("left_out_before", static_cast<Poco::UInt64>(leftOut));
  log_.warn("a request was refused", fields);
}

}  // namespace dormouse::control
