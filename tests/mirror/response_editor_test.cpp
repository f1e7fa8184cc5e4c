#include "mirror/response_editor.h"

#include <gtest/gtest.h>

#include <string>

namespace dormouse::mirror {
namespace {

/// Keeps what a sink would send.
class Keeper final : public ResponseIntake {
 public:
  std::uint64_t numberOf(ConnectionHandle handle) const override { return handle + 1U; }
  Reason response(const ResponseInfo& info) override {
    ++calls;
    missing = info.missing;
    kept = info.response == nullptr ? http::PairedResponse{} : *info.response;
    return Reason::kNone;
  }

  int calls = 0;
  Reason missing = Reason::kNone;
  http::PairedResponse kept;
};

class ResponseEditorTest : public ::testing::Test {
 protected:
  Reason edit(const std::string& fields, const std::string& body, std::uint64_t bytes = 0) {
    http::PairedResponse response;
    response.status = 200;
    response.head = "HTTP/1.1 200 Fine\r\n" + fields + "\r\n";
    response.body = body;
    response.bodyBytes = bytes == 0 ? body.size() : bytes;
    response.latency = Nanos(7);
    return editor_.response({1, 2, "GET", "/p", &response, Reason::kNone});
  }

  static http::RedactionRules rules() {
    http::RedactionRules rules;
    rules.headers = {"x-secret"};
    rules.cookies = {"session"};
    rules.members = {parseMemberPath("$.token")};
    return rules;
  }

  http::Redactor redactor_{rules()};
  Keeper sink_;
  ResponseEditor editor_{redactor_, sink_};
};

TEST_F(ResponseEditorTest, HidesFieldsCookiesAndMembers) {
  EXPECT_EQ(edit("X-Secret: abc\r\nSet-Cookie: session=def; Path=/\r\nX-Open: yes\r\n"
                 "Content-Type: application/json\r\n",
                 R"({"token":"ghi","open":1})"),
            Reason::kNone);
  const http::PairedResponse& kept = sink_.kept;
  EXPECT_TRUE(kept.head.starts_with("HTTP/1.1 200 Fine\r\nX-Secret: redacted\r\n")) << kept.head;
  EXPECT_NE(kept.head.find("X-Open: yes\r\n"), std::string::npos);
  EXPECT_NE(kept.head.find("Path=/"), std::string::npos) << kept.head;
  EXPECT_TRUE(kept.head.ends_with("\r\n\r\n"));
  EXPECT_NE(kept.body.find("\"open\":1"), std::string::npos) << kept.body;
  EXPECT_EQ(kept.bodyBytes, kept.body.size());
  EXPECT_EQ(kept.latency, Nanos(7));
  EXPECT_EQ(kept.status, 200);
  for (const char* secret : {"abc", "def", "ghi"}) {
    EXPECT_EQ((kept.head + kept.body).find(secret), std::string::npos) << secret;
  }
}

TEST_F(ResponseEditorTest, LeavesOutDigestsOfABodyThatHasChanged) {
  const std::string fields = "Repr-Digest: sha-256=:AA==:\r\nETag: \"x\"\r\n";
  EXPECT_EQ(edit(fields, R"({"token":"abc"})"), Reason::kNone);
  EXPECT_EQ(sink_.kept.head, "HTTP/1.1 200 Fine\r\nETag: \"x\"\r\n\r\n");
  EXPECT_EQ(edit(fields, R"({"open":"abc"})"), Reason::kNone);
  EXPECT_EQ(sink_.kept.head, "HTTP/1.1 200 Fine\r\n" + fields + "\r\n");
}

TEST_F(ResponseEditorTest, OfHttp2TheTrailersAreHiddenToo) {
  http::PairedResponse response;
  response.status = 200;
  response.head =
      "HTTP/2 200\r\nx-secret: abc\r\ncontent-type: application/json\r\n\r\n"
      "x-secret: def\r\ngrpc-status: 0\r\n\r\n";
  response.body = R"({"token":"ghi"})";
  response.bodyBytes = response.body.size();
  ASSERT_EQ(editor_.response({1, 3, "GET", "/p", &response, Reason::kNone}), Reason::kNone);
  EXPECT_EQ(sink_.kept.head,
            "HTTP/2 200\r\nx-secret: redacted\r\ncontent-type: application/json\r\n\r\n"
            "x-secret: redacted\r\ngrpc-status: 0\r\n\r\n");
  EXPECT_EQ(sink_.kept.body.find("ghi"), std::string::npos);
}

TEST_F(ResponseEditorTest, WhatCannotBeLookedIntoIsMissing) {
  struct Case {
    std::string fields;
    std::string body;
    std::uint64_t bytes;
  };
  const std::vector<Case> cases = {
      {"Content-Type: application/json\r\n", R"({"token":"abc")", 0},     // Broken.
      {"Content-Type: application/json\r\n", R"({"open":1,"tok)", 1000},  // Cut.
      {"Content-Encoding: gzip\r\n", "\x1f\x8b not looked into abc", 0},
      {"", R"({"open":1)", 1000},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(edit(one.fields, one.body, one.bytes), Reason::kUnredactable) << one.body;
    EXPECT_EQ(sink_.missing, Reason::kUnredactable);
    EXPECT_EQ(sink_.kept.head + sink_.kept.body, "");
  }
  EXPECT_EQ(sink_.calls, 4) << "the stream says so";
}

TEST_F(ResponseEditorTest, OtherBodiesPassEvenIfTheyAreCut) {
  EXPECT_EQ(edit("Content-Type: text/html\r\n", "<html>half of it", 1000), Reason::kNone);
  EXPECT_EQ(sink_.kept.body, "<html>half of it");
  EXPECT_EQ(sink_.kept.bodyBytes, 1000U);
  EXPECT_EQ(edit("", ""), Reason::kNone);
}

TEST_F(ResponseEditorTest, ABodyThatIsEmptyHidesNothing) {
  // As of HEAD and 304, whose fields speak of a body that is not there.
  EXPECT_EQ(edit("Content-Type: application/json\r\n", ""), Reason::kNone);
  EXPECT_EQ(edit("Content-Encoding: gzip\r\n", ""), Reason::kNone);
  EXPECT_EQ(edit("Content-Type: text/event-stream; x\r\n", "data: {\"token\":\"abc\"}\n\n"),
            Reason::kUnredactable);
}

TEST_F(ResponseEditorTest, WhatIsMissingStaysSo) {
  EXPECT_EQ(editor_.response({1, 2, "GET", "/p", nullptr, Reason::kGap}), Reason::kNone);
  EXPECT_EQ(sink_.missing, Reason::kGap);
  EXPECT_EQ(editor_.numberOf(4), 5U);
}

}  // namespace
}  // namespace dormouse::mirror
