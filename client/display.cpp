#include "client/display.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <sstream>

#include "wire/strict_json.h"

namespace dormouse::client {
namespace {

constexpr Nanos kLiveEvery = std::chrono::milliseconds(200);
constexpr Nanos kPlainEvery = std::chrono::seconds(5);
constexpr std::size_t kMostLines = 5;  // Of one request's differences; JSON has more.

std::string progressText(const Progress& progress) {
  std::string text = std::to_string(progress.connections) + " connections (" +
                     std::to_string(progress.open) + " open), " + formatBytes(progress.bytes);
  const std::string skipped = formatSkipped(progress.skipped);
  if (!skipped.empty()) text += ", skipped: " + skipped;
  if (const auto& counts = progress.compared) {
    text += "; compared " + std::to_string(counts->compared()) + ", different " +
            std::to_string(counts->different);
    if (counts->notCompared() != 0) text += ", not " + std::to_string(counts->notCompared());
  }
  return text;
}

Poco::JSON::Object::Ptr skippedJson(const std::array<std::uint64_t, kReasonCount>& skipped) {
  Poco::JSON::Object::Ptr object = new Poco::JSON::Object;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    if (skipped[i] == 0) continue;
    object->set(std::string(reasonName(static_cast<Reason>(i))), Poco::UInt64{skipped[i]});
  }
  return object;
}

Poco::JSON::Object::Ptr comparisonJson(const CompareCounts& counts) {
  Poco::JSON::Object::Ptr missing = new Poco::JSON::Object;
  missing->set("pod", skippedJson(counts.podMissing));
  missing->set("local", skippedJson(counts.localMissing));
  Poco::JSON::Object::Ptr object = new Poco::JSON::Object;
  object->set("compared", Poco::UInt64{counts.compared()});
  object->set("equal", Poco::UInt64{counts.equal});
  object->set("different", Poco::UInt64{counts.different});
  object->set("missing", missing);
  return object;
}

Poco::JSON::Array::Ptr differencesJson(const Differences& differences) {
  Poco::JSON::Array::Ptr array = new Poco::JSON::Array;
  for (const Difference& difference : differences.shown) {
    Poco::JSON::Object::Ptr object = new Poco::JSON::Object;
    object->set("path", difference.path);
    if (difference.pod) object->set("pod", *difference.pod);
    if (difference.local) object->set("local", *difference.local);
    array->add(object);
  }
  return array;
}

Poco::JSON::Object::Ptr localJson(const LocalAccount& local) {
  Poco::JSON::Object::Ptr account = new Poco::JSON::Object;
  account->set("seen", Poco::UInt64{local.connections.seen});
  account->set("delivered", Poco::UInt64{local.connections.delivered});
  account->set("skipped", skippedJson(local.connections.skipped));
  if (local.requests.seen != 0) {
    Poco::JSON::Object::Ptr requests = new Poco::JSON::Object;
    requests->set("seen", Poco::UInt64{local.requests.seen});
    requests->set("delivered", Poco::UInt64{local.requests.delivered});
    requests->set("skipped", skippedJson(local.requests.skipped));
    account->set("http2_requests", requests);
  }
  account->set("bytes", Poco::UInt64{local.bytes});
  return account;
}

void setTally(Poco::JSON::Object& object, const Tally& tally) {
  object.set("mirrors", tally.mirrors);
  object.set("interruptions", tally.interruptions);
  object.set("away_seconds", std::chrono::duration<double>(tally.away).count());
  object.set("ledgers_lost", tally.unaccounted);
  object.set("ledger", wire::toJson(tally.ledger));
  object.set("local", localJson(tally.local));
}

std::string accountText(const char* name, const wire::Account& account) {
  std::string text = std::string(name) + std::to_string(account.seen) + " seen, " +
                     std::to_string(account.delivered) + " delivered";
  if (account.open != 0) text += ", " + std::to_string(account.open) + " open";
  const std::string skipped = formatSkipped(account.skipped);
  return skipped.empty() ? text : text + ", skipped: " + skipped;
}

std::string localText(const char* name, const LocalAccount& local) {
  std::string text = accountText(name, local.connections);
  if (local.requests.seen != 0) text += accountText("; HTTP/2 requests: ", local.requests);
  return text + ", " + formatBytes(local.bytes) + " written";
}

}  // namespace

std::string formatBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string formatSkipped(const std::array<std::uint64_t, kReasonCount>& skipped) {
  std::string text;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    if (skipped[i] == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::string(reasonName(static_cast<Reason>(i))) + " " + std::to_string(skipped[i]);
  }
  return text;
}

Display::Display(Style style, std::ostream& out, const Clock& clock, std::string prefix)
    : style_(style), out_(out), clock_(clock), prefix_(std::move(prefix)), nextAt_(clock.now()) {}

void Display::line(const std::string& text) {
  // The live line, if one stands there, is wiped first.
  if (liveWidth_ != 0) out_ << '\r' << std::string(liveWidth_, ' ') << '\r';
  liveWidth_ = 0;
  // In one piece, so that others' lines do not cut it.
  out_ << prefix_ + text + '\n' << std::flush;
}

void Display::event(const std::string& name, Poco::JSON::Object& object) {
  object.set("event", name);
  object.stringify(out_);
  out_ << '\n' << std::flush;
}

void Display::started(const std::string& name, const std::string& mirror, const std::string& what) {
  if (style_ == Style::kQuiet) return;
  if (style_ != Style::kJson) {
    return line((name.empty() ? "" : name + ": ") + "mirror " + mirror + ": " + what);
  }
  Poco::JSON::Object object;
  if (!name.empty()) object.set("pod", name);
  object.set("mirror", mirror);
  object.set("what", what);
  event("started", object);
}

void Display::attached(const std::string& pod, const std::string& agent, const std::string& way,
                       std::uint16_t controlPort) {
  if (style_ == Style::kQuiet) return;
  if (style_ != Style::kJson) {
    return line(pod + ": agent " + agent + " attached (" + way + "), its control port is " +
                std::to_string(controlPort));
  }
  Poco::JSON::Object object;
  object.set("pod", pod);
  object.set("agent", agent);
  object.set("way", way);
  object.set("control_port", controlPort);
  event("attached", object);
}

void Display::progress(const Progress& progress) {
  if (style_ == Style::kQuiet || progress == shown_ || clock_.now() < nextAt_) return;
  nextAt_ = clock_.now() + (style_ == Style::kLive ? kLiveEvery : kPlainEvery);
  shown_ = progress;
  if (style_ == Style::kPlain) return line(progressText(progress));
  if (style_ == Style::kLive) {
    std::string text = progressText(progress);
    const std::size_t width = text.size();
    if (width < liveWidth_) text.append(liveWidth_ - width, ' ');
    out_ << '\r' << text << std::flush;
    liveWidth_ = width;
    return;
  }
  Poco::JSON::Object object;
  object.set("connections", Poco::UInt64{progress.connections});
  object.set("open", Poco::UInt64{progress.open});
  object.set("bytes", Poco::UInt64{progress.bytes});
  object.set("skipped", skippedJson(progress.skipped));
  if (progress.compared) object.set("comparison", comparisonJson(*progress.compared));
  event("progress", object);
}

void Display::notice(const std::string& sentence) {
  if (style_ != Style::kJson) return line(sentence);
  Poco::JSON::Object object;
  object.set("sentence", sentence);
  event("notice", object);
}

void Display::different(const DifferentRequest& request) {
  if (style_ == Style::kQuiet) return;
  const Differences& differences = request.differences;
  if (style_ == Style::kJson) {
    Poco::JSON::Object object;
    if (!request.pod.empty()) object.set("pod", request.pod);
    object.set("method", request.method);
    object.set("target", request.target);
    object.set("pod_status", request.podStatus);
    object.set("local_status", request.localStatus);
    object.set("differences", differencesJson(differences));
    object.set("total", Poco::UInt64{differences.total});
    return event("different", object);
  }
  std::string text = request.method + " " + request.target;
  if (!request.pod.empty()) text += " (" + request.pod + ")";
  line(text + ":");
  const std::size_t shown = std::min(differences.shown.size(), kMostLines);
  for (const Difference& one : std::span(differences.shown).first(shown)) {
    line("  " + one.path + ": pod " + one.pod.value_or("has none") + ", local " +
         one.local.value_or("has none"));
  }
  if (differences.total > shown) {
    line("  and " + std::to_string(differences.total - shown) + " more");
  }
}

void Display::compared(const CompareCounts& counts) {
  if (style_ != Style::kJson) return line("compared: " + counts.verdict());
  Poco::JSON::Object object = *comparisonJson(counts);
  object.set("verdict", counts.verdict());
  event("compared", object);
}

void Display::ended(const std::optional<Report>& report, const LocalAccount* local, ExitCode code) {
  if (style_ != Style::kJson) return endedText(report, local);
  Poco::JSON::Object object;
  object.set("exit", static_cast<int>(code));
  if (report) {
    object.set("mirror", report->id);
    object.set("verdict", report->verdict);
    if (!report->endedBecause.empty()) object.set("ended_because", report->endedBecause);
    object.set("ledger", wire::toJson(report->ledger));
  }
  if (local != nullptr) object.set("local", localJson(*local));
  event("ended", object);
}

void Display::endedText(const std::optional<Report>& report, const LocalAccount* local) {
  if (report) {
    const wire::Ledger& ledger = report->ledger;
    std::string first = "mirror " + report->id + (report->ended ? " has ended" : " is active");
    if (!report->endedBecause.empty()) first += ": " + report->endedBecause;
    line(first);
    ledgerText(ledger);
    line("verdict: " + report->verdict);
  }
  if (local == nullptr || (report && local->complete())) return;
  line(localText("locally: connections: ", *local));
}

void Display::ledgerText(const wire::Ledger& ledger) {
  if (ledger.requests.seen != 0) line(accountText("  requests:    ", ledger.requests));
  if (ledger.connections.seen != 0) line(accountText("  connections: ", ledger.connections));
  line(accountText("  packets:     ", ledger.packets));
  line("  payload:     " + formatBytes(ledger.bytes));
}

void Display::podEnded(const std::string& name, const Tally& tally, const std::string& verdict) {
  if (style_ == Style::kJson) {
    Poco::JSON::Object object;
    object.set("pod", name);
    setTally(object, tally);
    if (!verdict.empty()) object.set("verdict", verdict);
    return event("pod-ended", object);
  }
  line(name + ": " +
       (tally.mirrors == 1 ? "the mirror has ended"
                           : std::to_string(tally.mirrors) + " mirrors have ended"));
  if (tally.mirrors > tally.unaccounted) ledgerText(tally.ledger);
  if (tally.unaccounted != 0 || !tally.local.complete()) {
    line(localText("  locally:     ", tally.local));
  }
  if (!verdict.empty()) line("  verdict:     " + verdict);
}

void Display::runEnded(const Tally& tally, unsigned pods, unsigned notMirrored,
                       const std::string& verdict, ExitCode code) {
  if (style_ != Style::kJson) return line("verdict: " + verdict);
  Poco::JSON::Object object;
  object.set("exit", static_cast<int>(code));
  object.set("pods", pods);
  object.set("pods_not_mirrored", notMirrored);
  object.set("verdict", verdict);
  setTally(object, tally);
  event("ended", object);
}

}  // namespace dormouse::client
