#include "wire/ledger.h"

#include <gtest/gtest.h>

#include <sstream>

#include "wire/strict_json.h"

namespace dormouse::wire {
namespace {

std::string textOf(const Ledger& ledger) {
  std::ostringstream text;
  toJson(ledger)->stringify(text);
  return text.str();
}

Ledger sample() {
  Ledger ledger;
  ledger.packets.skip(Reason::kKernelDrop, 12);
  ledger.connections.seen = ledger.connections.open = 5;
  ledger.connections.settle(Reason::kNone, 3);
  ledger.connections.settle(Reason::kGap);
  ledger.bytes = 0xffff'ffff'ffff'ffff;
  return ledger;
}

TEST(Ledger, SettlingKeepsTheSum) {
  const Ledger ledger = sample();
  EXPECT_TRUE(ledger.balances());
  EXPECT_EQ(ledger.connections.delivered, 3U);
  EXPECT_EQ(ledger.connections.open, 1U);
  EXPECT_EQ(ledger.connections.skippedFor(Reason::kGap), 1U);
  EXPECT_EQ(ledger.packets.seen, 12U);
  EXPECT_EQ(ledger.packets.skippedTotal(), 12U);
  Ledger wrong = ledger;
  ++wrong.requests.delivered;
  EXPECT_FALSE(wrong.balances());
}

TEST(Ledger, JsonNamesOnlyTheReasonsThatOccurred) {
  EXPECT_EQ(textOf(sample()),
            R"({"packets":{"seen":12,"open":0,"delivered":0,"skipped":{"kernel-drop":12}},)"
            R"("connections":{"seen":5,"open":1,"delivered":3,"skipped":{"gap":1}},)"
            R"("requests":{"seen":0,"open":0,"delivered":0,"skipped":{}},)"
            R"("bytes":18446744073709551615})");
}

TEST(Ledger, ComesBackFromJson) {
  const std::string text = textOf(sample());
  EXPECT_EQ(textOf(ledgerFromJson(*parseStrictObject(text))), text);
}

TEST(Ledger, FromJsonNamesWhatIsWrong) {
  const std::string text = textOf(sample());
  const auto refused = [&](const std::string& from, const std::string& to, const char* sentence) {
    std::string changed = text;
    const auto at = changed.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    changed.replace(at, from.size(), to);
    try {
      ledgerFromJson(*parseStrictObject(changed));
      FAIL() << "taken: " << changed;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(sentence), std::string::npos) << error.what();
    }
  };
  refused("\"packets\"", "\"pockets\"", "packets: an object");
  refused("\"seen\":12", "\"seen\":\"12\"", "packets.seen: a count");
  refused("\"seen\":12", "\"seen\":-12", "packets.seen: a count");
  refused("\"seen\":12", "\"seen\":1.5", "packets.seen: a count");
  refused("\"seen\":12", "\"seen\":true", "packets.seen: a count");
  refused("\"gap\":1", "\"gap\":null", "connections.skipped.gap: a count");
  refused("\"gap\":1", "\"gasp\":1", "unknown reason \"gasp\"");
  refused("\"gap\":1", "\"none\":1", "unknown reason");
  refused("{\"gap\":1}", "[]", "connections.skipped: an object");
  refused("\"bytes\"", "\"bites\"", "bytes: a count");
}

TEST(StrictJson, ReadsIntegersUpToTheLast) {
  const auto object = parseStrictObject(
      R"({"a":18446744073709551615,"b":0,"c":9223372036854775808,"d":2147483648})");
  EXPECT_EQ(jsonUnsigned(object->get("a")), 18446744073709551615ULL);
  EXPECT_EQ(jsonUnsigned(object->get("b")), 0U);
  EXPECT_EQ(jsonUnsigned(object->get("c")), 9223372036854775808ULL);
  EXPECT_EQ(jsonUnsigned(object->get("d")), 2147483648U);
}

}  // namespace
}  // namespace dormouse::wire
