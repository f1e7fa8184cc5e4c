#include "mirror/verdict.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace dormouse::mirror {
namespace {

std::string count(std::uint64_t number, std::string_view noun) {
  return std::to_string(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

std::string portList(const wire::MirrorSpec& spec) {
  std::string text = spec.ports.size() == 1 ? "port " : "ports ";
  for (std::size_t i = 0; i < spec.ports.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(spec.ports[i]);
  }
  return text;
}

/// Why connections or requests were skipped, in words that say what to do about it.
std::string explain(Reason reason, std::uint64_t number, std::string_view noun,
                    const wire::MirrorSpec& spec, std::string_view trouble) {
  const std::string things = count(number, noun);
  const std::string were = number == 1 ? " was " : " were ";
  switch (reason) {
    case Reason::kTls:
      return "traffic on " + portList(spec) + " is TLS: " + things + " skipped";
    case Reason::kJoinedLate:
      return things + were + "open before the mirror; new connections will be seen";
    case Reason::kSinkRefused:
      return std::string(trouble) + ": " + things + " skipped";
    case Reason::kSinkClosed:
      return things + were + "closed by the receiver before everything was written";
    case Reason::kOverBudget:
      return things + were + "shed because the receiver was too slow";
    case Reason::kGap:
      return things + were + "cut at a packet that never came";
    case Reason::kEvicted:
      return things + were + "pushed out of the full connection table";
    case Reason::kIdle:
      return things + were + "silent for too long";
    case Reason::kMirrorEnded:
      return things + were + "still open when the mirror ended";
    case Reason::kFiltered:
      return things + were + "filtered out";
    case Reason::kSampledOut:
      return things + were + "not in the sample";
    case Reason::kRateCapped:
      return things + were + "above the rate of " + std::to_string(spec.requests.rate) +
             " a second";
    case Reason::kRedactionNeedsHttp:
      return things + were + "not HTTP, in which alone something can be redacted";
    case Reason::kUnredactable:
      return things + were + "left out: nothing could be redacted in the body";
    case Reason::kMalformed:
      return things + were + "malformed or broken off";
    default:
      return things + " skipped as " + std::string(reasonName(reason));
  }
}

/// The skipped reasons of an account that are worth a word, the most frequent first. Connections
/// without payload (probes) are nobody's loss.
std::vector<std::pair<Reason, std::uint64_t>> losses(const wire::Account& account) {
  std::vector<std::pair<Reason, std::uint64_t>> found;
  for (std::size_t i = 1; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (account.skipped[i] > 0 && reason != Reason::kEmpty) {
      found.emplace_back(reason, account.skipped[i]);
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return found;
}

std::string packetVerdict(const wire::Ledger& ledger, const wire::MirrorSpec& spec, bool ended) {
  const wire::Account& packets = ledger.packets;
  if (packets.seen == 0) return "no traffic on " + portList(spec) + (ended ? " was seen" : " yet");
  std::string text =
      std::to_string(packets.delivered) + " of " + count(packets.seen, "packet") + " delivered";
  for (const auto& [reason, number] : losses(packets)) {
    text += "; " + std::to_string(number) + " lost: " + std::string(reasonName(reason));
  }
  return text;
}

/// The share of an account that was delivered, and what became of the rest. `worth`: what of it
/// counts. REQUIRES: worth > 0.
std::string accountVerdict(const wire::Account& account, std::uint64_t worth, std::string_view noun,
                           const wire::MirrorSpec& spec, std::string_view trouble) {
  if (account.skippedFor(Reason::kFiltered) == worth) {
    return "filter matched 0 of " + count(worth, noun);
  }
  std::string text;
  const auto lost = losses(account);
  // When one cause took everything, the cause is the news; else the share is.
  const bool oneCause = lost.size() == 1 && lost.front().second == worth;
  if (!oneCause) {
    text = std::to_string(account.delivered) + " of " + count(worth, noun) + " delivered";
    if (account.open > 0) text += ", " + std::to_string(account.open) + " open";
  }
  for (const auto& [reason, number] : lost) {
    if (!text.empty()) text += "; ";
    text += explain(reason, number, noun, spec, trouble);
  }
  return text;
}

/// What happened to connections of which no request was seen, beside the verdict on requests. A
/// mirror of connections has others than those of HTTP/2.
std::string connectionsApart(const wire::Ledger& ledger, const wire::MirrorSpec& spec,
                             std::string_view trouble) {
  std::string text;
  for (const auto& [reason, number] : losses(ledger.connections)) {
    const bool unread = reason == Reason::kTls || reason == Reason::kJoinedLate ||
                        reason == Reason::kRedactionNeedsHttp;
    // Requests that lay whole in a hole are in no account.
    const bool told = spec.ofRequests() && reason != Reason::kGap;
    const bool said = told || reason == Reason::kFiltered || ledger.requests.skippedFor(reason) > 0;
    if (unread || !said) text += "; " + explain(reason, number, "connection", spec, trouble);
  }
  return text;
}

/// Responses that are not there, which is no loss of requests.
std::string responsesApart(const wire::Account& responses) {
  std::string text;
  for (const auto& [reason, number] : losses(responses)) {
    text += text.empty() ? ": " : ", ";
    text += std::string(reasonName(reason)) + " " + std::to_string(number);
  }
  if (text.empty()) return text;
  return "; " + std::to_string(responses.skippedTotal()) + " of " +
         count(responses.seen, "response") + " missing" + text;
}

}  // namespace

std::string verdict(const wire::Ledger& ledger, const wire::MirrorSpec& spec, bool ended,
                    std::string_view trouble, std::uint64_t waiting) {
  if (spec.to.empty() && spec.format == wire::Format::kPcap) {
    return packetVerdict(ledger, spec, ended);
  }
  const wire::Account& all = ledger.connections;
  const std::uint64_t empty = all.skippedFor(Reason::kEmpty);
  const std::uint64_t worth = all.seen - empty;
  const std::uint64_t drops = ledger.packets.skippedFor(Reason::kKernelDrop);

  std::string text;
  if (ledger.requests.seen > 0) {
    text = accountVerdict(ledger.requests, ledger.requests.seen, "request", spec, trouble) +
           connectionsApart(ledger, spec, trouble);
  } else if (all.seen == 0) {
    text = "no traffic on " + portList(spec) + (ended ? " was seen" : " yet");
  } else if (worth == 0) {
    text = "no payload on " + portList(spec) + ": " + count(empty, "empty connection");
  } else {
    text = accountVerdict(all, worth, "connection", spec, trouble);
  }
  if (waiting > 0) {
    text += "; " + count(waiting, "connection") + (waiting == 1 ? " was" : " were") +
            " open before the mirror: to be joined at the next request";
  }
  if (ledger.responses) text += responsesApart(*ledger.responses);
  if (drops > 0) text += "; the kernel dropped " + count(drops, "packet");
  return text;
}

}  // namespace dormouse::mirror
