// Which texts begin like JSON, in every encoding that a server may take it in.
#include "http/json_start.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/http/wide_text.h"

namespace dormouse::http {
namespace {

using namespace std::string_literals;
using Verdict = JsonStart::Verdict;

/// However it is cut.
Verdict verdictOf(std::string_view text) {
  const Verdict whole = JsonStart().feed(text);
  JsonStart start;
  Verdict verdict = Verdict::kUndecided;
  for (std::size_t at = 0; at < text.size() && verdict == Verdict::kUndecided; ++at) {
    verdict = start.feed(text.substr(at, 1));
  }
  EXPECT_EQ(verdict, whole);
  return whole;
}

TEST(JsonStart, KnowsUtf8) {
  for (const std::string& text :
       {"{"s, "["s, " \t\r\n{\"a\":1}"s, "\xef\xbb\xbf{"s, "  \xef\xbb\xbf {"s, "\v\f{"s,
        "\xc2\xa0["s, "\xe2\x80\xa8\xe3\x80\x80{"s, "\xc1\xbb"s}) {
    EXPECT_EQ(verdictOf(text), Verdict::kUtf8) << text;
  }
}

TEST(JsonStart, KnowsEveryWiderEncodingWithAMarkAndWithout) {
  for (const testing::Wide& wide : testing::kWides) {
    for (const std::u16string& begin : {u""s, u" "s, u"\r\n\t "s, u"\u00a0\u3000"s}) {
      for (const std::u16string& text : {begin + u"{\"a\":1}", begin + u"[1]"}) {
        SCOPED_TRACE(::testing::Message() << wide.width << (wide.bigEndian ? "BE" : "LE"));
        const Verdict verdict = verdictOf(testing::encoded(wide, text));
        // Of little-endian text without a blank the first byte is enough.
        const bool first = begin.empty() && !wide.bigEndian;
        EXPECT_EQ(verdict, first ? Verdict::kUtf8 : Verdict::kWide);
        EXPECT_EQ(verdictOf(testing::encoded(wide, u"\ufeff" + text)), Verdict::kWide);
      }
    }
  }
}

TEST(JsonStart, LeavesEverythingElse) {
  for (const std::string& text :
       {"a=1"s, "\xff\xd8\xff"s, "\x89PNG"s, "\0\0\0\0{"s, "\0\0\0\x18"s, "\x1f\x8b\x08"s, "  x{"s,
        "\"text\""s, "\xc3\xa4{"s, "\xe2\x82\xac{"s, "\xf0\x9f\x98\x80{"s, "\x80{  "s, "\0 x {"s}) {
    EXPECT_EQ(verdictOf(text), Verdict::kNone) << text;
  }
}

TEST(JsonStart, WaitsForMore) {
  for (const std::string& text :
       {""s, "  \n"s, "\xef\xbb"s, "\xef\xbb\xbf"s, "\0 \0"s, " \0\0\0 \0\0"s, "\0\0\0 \0\0\0"s}) {
    EXPECT_EQ(verdictOf(text), Verdict::kUndecided) << text;
  }
}

}  // namespace
}  // namespace dormouse::http
