#include "client/display.h"

#include <array>
#include <cstdio>
#include <sstream>

#include "wire/strict_json.h"

namespace dormouse::client {
namespace {

constexpr Nanos kLiveEvery = std::chrono::milliseconds(200);
constexpr Nanos kPlainEvery = std::chrono::seconds(5);

std::string progressText(const Progress& progress) {
  std::string text = std::to_string(progress.connections) + " connections (" +
                     std::to_string(progress.open) + " open), " + formatBytes(progress.bytes);
  const std::string skipped = formatSkipped(progress.skipped);
  return skipped.empty() ? text : text + ", skipped: " + skipped;
}

Poco::JSON::Object::Ptr skippedJson(const std::array<std::uint64_t, kReasonCount>& skipped) {
  Poco::JSON::Object::Ptr object = new Poco::JSON::Object;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    if (skipped[i] == 0) continue;
    object->set(std::string(reasonName(static_cast<Reason>(i))), Poco::UInt64{skipped[i]});
  }
  return object;
}

std::string accountText(const char* name, const wire::Account& account) {
  std::string text = std::string(name) + std::to_string(account.seen) + " seen, " +
                     std::to_string(account.delivered) + " delivered";
  if (account.open != 0) text += ", " + std::to_string(account.open) + " open";
  const std::string skipped = formatSkipped(account.skipped);
  return skipped.empty() ? text : text + ", skipped: " + skipped;
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

Display::Display(Style style, std::ostream& out, const Clock& clock)
    : style_(style), out_(out), clock_(clock), nextAt_(clock.now()) {}

void Display::line(const std::string& text) {
  // The live line, if one stands there, is wiped first.
  if (liveWidth_ != 0) out_ << '\r' << std::string(liveWidth_, ' ') << '\r';
  liveWidth_ = 0;
  out_ << text << '\n' << std::flush;
}

void Display::event(const std::string& name, Poco::JSON::Object& object) {
  object.set("event", name);
  object.stringify(out_);
  out_ << '\n' << std::flush;
}

void Display::started(const std::string& mirror, const std::string& what) {
  if (style_ == Style::kQuiet) return;
  if (style_ != Style::kJson) return line("mirror " + mirror + ": " + what);
  Poco::JSON::Object object;
  object.set("mirror", mirror);
  object.set("what", what);
  event("started", object);
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
  event("progress", object);
}

void Display::notice(const std::string& sentence) {
  if (style_ != Style::kJson) return line(sentence);
  Poco::JSON::Object object;
  object.set("sentence", sentence);
  event("notice", object);
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
  if (local != nullptr) {
    Poco::JSON::Object::Ptr account = new Poco::JSON::Object;
    account->set("seen", Poco::UInt64{local->connections.seen});
    account->set("delivered", Poco::UInt64{local->connections.delivered});
    account->set("skipped", skippedJson(local->connections.skipped));
    account->set("bytes", Poco::UInt64{local->bytes});
    object.set("local", account);
  }
  event("ended", object);
}

void Display::endedText(const std::optional<Report>& report, const LocalAccount* local) {
  if (report) {
    const wire::Ledger& ledger = report->ledger;
    std::string first = "mirror " + report->id + (report->ended ? " has ended" : " is active");
    if (!report->endedBecause.empty()) first += ": " + report->endedBecause;
    line(first);
    if (ledger.requests.seen != 0) line(accountText("  requests:    ", ledger.requests));
    if (ledger.connections.seen != 0) line(accountText("  connections: ", ledger.connections));
    line(accountText("  packets:     ", ledger.packets));
    line("  payload:     " + formatBytes(ledger.bytes));
    line("verdict: " + report->verdict);
  }
  if (local == nullptr || (report && complete(local->connections))) return;
  line(accountText("locally: connections: ", local->connections) + ", " +
       formatBytes(local->bytes) + " written");
}

}  // namespace dormouse::client
