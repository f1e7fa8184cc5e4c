// docs/control-api.md, "Verdicts": every sentence that the code can say stands there. That each of
// them is said for its cause is shown by tests/integration/test_verdicts.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "mirror/verdict.h"

namespace dormouse::mirror {
namespace {

std::string replaced(const std::string& text, const char* what, const char* by) {
  return std::regex_replace(text, std::regex(what), by);
}

/// The table's rows as patterns. It speaks of connections where requests may be meant.
std::vector<std::regex> rows() {
  std::ifstream file(CONTROL_API_DOCUMENT);
  std::vector<std::regex> patterns;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line == "## Verdicts";
    if (!inside || !line.starts_with("| `")) continue;
    std::string text = line.substr(3, line.find('`', 3) - 3);
    text = replaced(text, "[()]", "\\$&");
    text = replaced(text, "connections were", "THINGS (was|were)");
    text = replaced(text, "connections have", "THINGS (has|have)");
    text = replaced(text, "connections", "THINGS");
    text = replaced(text, "packets", "packets?");
    text = replaced(text, "responses", "responses?");
    text = replaced(text, "THINGS", "(connection|request)s?");
    text = replaced(text, "\\bN\\b", "\\d+");
    text = replaced(text, "\\bPLACE\\b", "\\S+");
    text = replaced(text, "\\b(ERROR|REASON)\\b", "[-\\w ]+");
    patterns.emplace_back(text);
  }
  return patterns;
}

bool stands(const std::string& sentence) {
  static const std::vector<std::regex> patterns = rows();
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::regex& pattern) {
    return std::regex_match(sentence, pattern);
  });
}

wire::MirrorSpec onPort8080(wire::Format format = wire::Format::kFrames) {
  wire::MirrorSpec spec;
  spec.ports = {8080};
  spec.format = format;
  return spec;
}

std::string say(const wire::Ledger& ledger, bool ended = false) {
  return verdict(ledger, onPort8080(), ended, "nothing listens on 127.0.0.1:3000");
}

/// What only packets are skipped for, and what a verdict never names.
bool isOfConnections(Reason reason) {
  constexpr std::array kOthers = {Reason::kKernelDrop, Reason::kDuplicate, Reason::kFragment,
                                  Reason::kTruncated, Reason::kEmpty,
                                  // Of responses.
                                  Reason::kUnanswered};
  return std::find(kOthers.begin(), kOthers.end(), reason) == kOthers.end();
}

TEST(VerdictTable, HasASentenceForEveryReason) {
  for (std::size_t i = 1; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (!isOfConnections(reason)) continue;
    for (const bool ofRequests : {false, true}) {
      wire::Ledger ledger;
      wire::Account& account = ofRequests ? ledger.requests : ledger.connections;
      account.seen = account.delivered = 1;
      account.skip(reason, 3);
      const std::string text = say(ledger);
      const std::size_t end = text.find("; ");
      ASSERT_NE(end, std::string::npos) << text;
      EXPECT_TRUE(stands(text.substr(0, end))) << text;
      EXPECT_TRUE(stands(text.substr(end + 2))) << text;
    }
  }
}

TEST(VerdictTable, HasTheSentencesWithoutAReason) {
  wire::Ledger ledger;
  EXPECT_TRUE(stands(say(ledger)));
  EXPECT_TRUE(stands(say(ledger, true)));
  ledger.connections.skip(Reason::kEmpty, 2);
  EXPECT_TRUE(stands(say(ledger)));
  ledger.connections.seen += 2;
  ledger.connections.delivered = ledger.connections.open = 1;
  EXPECT_TRUE(stands(say(ledger)));
  wire::Ledger filtered;
  filtered.connections.skip(Reason::kFiltered, 3);
  EXPECT_TRUE(stands(say(filtered)));
  EXPECT_FALSE(stands("something else"));
}

TEST(VerdictTable, HasTheSentenceOfResponses) {
  wire::Ledger ledger;
  ledger.requests.seen = ledger.requests.delivered = 5;
  ledger.responses.emplace();
  ledger.responses->seen = ledger.responses->delivered = 2;
  EXPECT_EQ(say(ledger).find("response"), std::string::npos) << "nothing is missing";
  ledger.responses->skip(Reason::kUnanswered, 3);
  const std::string text = say(ledger);
  EXPECT_TRUE(stands(text.substr(text.find("; ") + 2))) << text;
}

TEST(VerdictTable, HasTheSentencesOfPackets) {
  wire::Ledger ledger;
  ledger.packets.seen = ledger.packets.delivered = 1;
  ledger.packets.skip(Reason::kKernelDrop, 2);
  const std::string text = verdict(ledger, onPort8080(wire::Format::kPcap), false, {});
  const std::size_t end = text.find("; ");
  ASSERT_NE(end, std::string::npos) << text;
  EXPECT_TRUE(stands(text.substr(0, end))) << text;
  EXPECT_TRUE(stands(text.substr(end + 2))) << text;
}

}  // namespace
}  // namespace dormouse::mirror
