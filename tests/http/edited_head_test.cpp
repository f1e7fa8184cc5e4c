#include "http/edited_head.h"

#include <gtest/gtest.h>

#include "http/head_parser.h"
#include "tests/http/request_log.h"

namespace dormouse::http {
namespace {

/// A head of HTTP/1, parsed.
struct Parsed {
  explicit Parsed(std::string_view whole) : text(whole) {
    EXPECT_EQ(parseHead(bytesOf(text), fields, head), "");
  }
  std::string text;
  std::vector<HeaderField> fields;
  RequestHead head;
};

/// What became of it, which must be what a parser makes of its bytes.
std::string edited(std::string_view whole, const HeadEdits& edits) {
  const Parsed original(whole);
  const EditedHead copy(original.head, edits);
  const std::string text = textOf(copy.head().bytes);
  const Parsed again(text);
  EXPECT_EQ(again.head.method, copy.head().method);
  EXPECT_EQ(again.head.target, copy.head().target);
  EXPECT_EQ(again.head.minorVersion, copy.head().minorVersion);
  EXPECT_EQ(again.head.length, copy.head().length);
  EXPECT_EQ(again.head.upgrade, copy.head().upgrade);
  EXPECT_EQ(again.fields.size(), copy.head().fields.size());
  for (std::size_t i = 0; i < again.fields.size(); ++i) {
    EXPECT_EQ(again.fields[i].name, copy.head().fields[i].name);
    EXPECT_EQ(again.fields[i].value, copy.head().fields[i].value);
  }
  return text;
}

TEST(EditedHead, WithoutEditsIsTheSameHead) {
  const std::string text = "POST /a?b HTTP/1.0\r\nX: y\r\nContent-Length: 3\r\n\r\n";
  EXPECT_EQ(edited(text, {}), text);
}

TEST(EditedHead, HidesMarksAndCounts) {
  const Redactor redactor({{"authorization"}, {"sid"}, {}});
  EXPECT_EQ(
      edited("POST / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION:  Basic x \r\nauthorization:y\r\n"
             "Cookie: a=b; sid=s\r\nContent-Length: 10\r\n\r\n",
             {&redactor, "dormouse/m-1", 7}),
      "POST / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION: redacted\r\nauthorization: redacted\r\n"
      "Cookie: a=b; sid=redacted\r\nContent-Length: 7\r\nx-mirrored-by: dormouse/m-1\r\n\r\n");
}

TEST(EditedHead, OfANewBodyHasNoDigestOfTheOldOne) {
  const std::string signatures = "Signature-Input: s=()\r\nSignature: s=:AA==:\r\nETag: \"x\"\r\n";
  const std::string text =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Digest: sha-256=:AA==:\r\nDigest: md5=AA==\r\n"
      "Repr-Digest: sha-256=:AA==:\r\ncontent-md5: AA==\r\n" +
      signatures + "\r\n";
  EXPECT_EQ(edited(text, {nullptr, "", {}, true}),
            "POST / HTTP/1.1\r\nHost: a\r\n" + signatures + "\r\n");
  EXPECT_EQ(edited(text, {}), text);
  const Parsed digest("GET / HTTP/1.1\r\nHost: a\r\nDigest: x\r\n\r\n");
  EXPECT_TRUE((HeadEdits{nullptr, "", {}, true}.change(digest.head)));
  EXPECT_FALSE((HeadEdits{nullptr, "", {}, false}.change(digest.head)));
}

TEST(EditedHead, HidesACookieThatGoesOnInTheNextField) {
  const Redactor redactor({{}, {"sid"}, {}});
  EXPECT_EQ(
      edited("GET / HTTP/1.1\r\nHost: a\r\nCookie: sid=\"se\r\nX: y\r\nCookie: cret\"\r\n\r\n",
             {&redactor, "", {}}),
      "GET / HTTP/1.1\r\nHost: a\r\nCookie: sid=redacted\r\nX: y\r\nCookie: redacted\r\n\r\n");
}

TEST(EditedHead, IsNeededOnlyWhereSomethingChanges) {
  const Redactor redactor({{"authorization"}, {"sid"}, {}});
  const Parsed plain("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n");
  EXPECT_FALSE((HeadEdits{&redactor, "", {}}.change(plain.head)));
  EXPECT_TRUE((HeadEdits{&redactor, "m", {}}.change(plain.head)));
  const Parsed secret("GET / HTTP/1.1\r\nHost: a\r\nCookie: sid=b\r\n\r\n");
  EXPECT_TRUE((HeadEdits{&redactor, "", {}}.change(secret.head)));
  EXPECT_FALSE((HeadEdits{nullptr, "", {}}.change(secret.head)));
}

TEST(EditedHead, OfHttp2HasTheAuthorityForAHost) {
  const std::vector<HeaderField> fields = {{"authorization", "secret"}, {"a", "b"}};
  RequestHead head;
  head.majorVersion = 2;
  head.minorVersion = 0;
  head.method = "CONNECT";
  head.target = head.authority = "secret.example:1";
  head.scheme = "http";
  head.fields = fields;
  const Redactor redactor({{"host", "authorization"}, {}, {}});
  const HeadEdits edits{&redactor, "m", {}};
  ASSERT_TRUE(edits.change(head));
  const EditedHead copy(head, edits);
  EXPECT_EQ(copy.head().authority, "redacted");
  EXPECT_EQ(copy.head().target, "redacted");
  EXPECT_EQ(copy.head().scheme, "http");
  EXPECT_TRUE(copy.head().bytes.empty());
  ASSERT_EQ(copy.head().fields.size(), 3U);
  EXPECT_EQ(copy.head().fields[0].value, "redacted");
  EXPECT_EQ(copy.head().fields[1].value, "b");
  EXPECT_EQ(copy.head().fields[2].name, "x-mirrored-by");
}

TEST(EditedTrailers, HideTheirFields) {
  const Redactor redactor({{"signature"}, {}, {}});
  EXPECT_EQ(editedTrailers("0\r\n\r\n", redactor), "0\r\n\r\n");
  EXPECT_EQ(editedTrailers("\r\n000;x=\"y\"\r\nSIGNATURE: secret\r\nA:  b\r\nsignature:\r\n\r\n",
                           redactor),
            "0\r\nSIGNATURE: redacted\r\nA: b\r\nsignature: redacted\r\n\r\n");
  EXPECT_EQ(editedTrailers("0\r\nContent-Digest: x\r\nA: b\r\n\r\n", redactor, true),
            "0\r\nA: b\r\n\r\n");
  EXPECT_EQ(editedTrailers("0\r\nContent-Digest: x\r\n\r\n", redactor, false),
            "0\r\nContent-Digest: x\r\n\r\n");
}

}  // namespace
}  // namespace dormouse::http
