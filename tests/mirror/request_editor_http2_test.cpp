// The editor before a sink that takes requests of HTTP/2.
#include <gtest/gtest.h>

#include <map>

#include "mirror/redactions.h"
#include "mirror/request_editor.h"

namespace dormouse::mirror {
namespace {

constexpr std::size_t kMaxBody = 1000;

/// Takes requests of HTTP/2, which overlap, and remembers them by number.
class Http2Sink final : public Sink {
 public:
  struct Seen {
    std::string head, body, trailers;
    bool ended = false, cancelled = false;
  };
  static std::string textOf(std::span<const http::HeaderField> fields) {
    std::string text;
    for (const auto& field : fields) text.append(field.name).append("=").append(field.value) += ' ';
    return text;
  }
  Reason open(ConnectionHandle, const ConnectionInfo&) override { return Reason::kNone; }
  Reason data(ConnectionHandle, std::span<const std::uint8_t>) override { return Reason::kNone; }
  void close(ConnectionHandle, Reason, bool) override {}
  Reason judgeRequest(const RequestInfo&) override { return Reason::kNone; }
  Reason beginRequest(RequestId id, const RequestInfo& request) override {
    seen[id.number].head = textOf(request.head.fields);
    return Reason::kNone;
  }
  bool wantsContent() const override { return false; }
  Reason requestBody(RequestId id, std::span<const std::uint8_t> raw,
                     std::span<const std::uint8_t> content) override {
    EXPECT_TRUE(raw.empty()) << "HTTP/2 has no raw bytes";
    seen.at(id.number).body.append(content.begin(), content.end());
    return Reason::kNone;
  }
  void endRequest(RequestId id, std::span<const http::HeaderField> trailers) override {
    seen.at(id.number).ended = true;
    seen.at(id.number).trailers = textOf(trailers);
  }
  void cancelRequest(RequestId id, Reason) override { seen.at(id.number).cancelled = true; }
  TimePoint flush(TimePoint) override { return TimePoint::max(); }
  void finish(const std::function<std::string()>&) override {}
  bool done() const override { return true; }
  std::string_view trouble() const override { return {}; }

  std::map<std::uint32_t, Seen> seen;
};

class Fates final : public SinkListener {
 public:
  void onSettled(ConnectionHandle, Reason) override {}
  void onRequestSettled(RequestId request, Reason fate) override { all[request.number] = fate; }
  void onResponseSettled(Reason) override {}
  void onSinkGone(std::string_view) override {}
  std::map<std::uint32_t, Reason> all;
};

class Http2EditorTest : public ::testing::Test {
 protected:
  Http2EditorTest() { editor_.open(0, {}); }

  Reason begin(std::uint32_t number, const std::vector<http::HeaderField>& fields,
               std::optional<std::uint64_t> length = std::nullopt, const char* method = "POST") {
    http::RequestHead head;
    head.majorVersion = 2;
    head.minorVersion = 0;
    head.method = method;
    head.target = "/";
    head.fields = fields;
    head.length = length;
    const Reason reason = editor_.judgeRequest({head, {}});
    return reason != Reason::kNone ? reason : editor_.beginRequest({0, number}, {head, {}});
  }
  void body(std::uint32_t number, std::string_view content) {
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(content.data()),
                                              content.size());
    EXPECT_EQ(editor_.requestBody({0, number}, {}, bytes), Reason::kNone);
  }

  Fates fates_;
  Http2Sink* sink_ = nullptr;
  RequestEditor editor_{
      http::Redactor(Redactions({"authorization", "json:$.password", "cookie:sid"}).rules()),
      EditorOptions{"dormouse/m-1", kMaxBody}, fates_, [this](SinkListener&) {
        auto sink = std::make_unique<Http2Sink>();
        sink_ = sink.get();
        return sink;
      }};
};

TEST_F(Http2EditorTest, HidesInHeadsBodiesAndTrailersOfRequestsThatOverlap) {
  EXPECT_EQ(begin(1,
                  {{"authorization", "secret"},
                   {"content-type", "application/json"},
                   {"content-length", "20"}},
                  20),
            Reason::kNone);
  EXPECT_EQ(begin(3, {{"cookie", "a=b"}, {"cookie", "sid=secret"}}), Reason::kNone);
  body(1, R"({"password")");
  body(3, std::string_view("\0\0\0\0\5hello", 10));
  body(1, R"(:"secre"})");
  const std::vector<http::HeaderField> trailers = {{"authorization", "secret"}, {"t", "u"}};
  editor_.endRequest({0, 3}, trailers);
  editor_.endRequest({0, 1}, {});
  EXPECT_EQ(sink_->seen.at(1).head,
            "authorization=redacted content-type=application/json content-length=23 "
            "x-mirrored-by=dormouse/m-1 ");
  EXPECT_EQ(sink_->seen.at(1).body, R"({"password":"redacted"})");
  EXPECT_EQ(sink_->seen.at(3).head, "cookie=a=b cookie=sid=redacted x-mirrored-by=dormouse/m-1 ");
  EXPECT_EQ(sink_->seen.at(3).trailers, "authorization=redacted t=u ");
  EXPECT_TRUE(sink_->seen.at(1).ended);
}

TEST_F(Http2EditorTest, HidesACookieWhoseCrumbsAreOneForTheServer) {
  EXPECT_EQ(begin(1, {{"cookie", "a=b"}, {"cookie", "sid=\"se"}, {"x", "y"}, {"cookie", "cret\""}}),
            Reason::kNone);
  editor_.endRequest({0, 1}, {});
  EXPECT_EQ(sink_->seen.at(1).head,
            "cookie=a=b cookie=sid=redacted x=y cookie=redacted x-mirrored-by=dormouse/m-1 ");
}

TEST_F(Http2EditorTest, LeavesOutDigestsOfABodyThatHasChanged) {
  const std::vector<http::HeaderField> fields = {
      {"content-type", "application/json"}, {"content-digest", "x"}, {"signature", "s"}};
  const std::vector<http::HeaderField> trailers = {{"repr-digest", "x"}, {"t", "u"}};
  for (const auto& [number, text] : std::map<std::uint32_t, std::string>{
           {1, R"({"password":"secret"})"}, {3, R"({"name":"public"})"}}) {
    EXPECT_EQ(begin(number, fields), Reason::kNone);
    body(number, text);
    editor_.endRequest({0, number}, trailers);
  }
  EXPECT_EQ(sink_->seen.at(1).head,
            "content-type=application/json signature=s x-mirrored-by=dormouse/m-1 ");
  EXPECT_EQ(sink_->seen.at(1).trailers, "t=u ");
  EXPECT_EQ(sink_->seen.at(3).head,
            "content-type=application/json content-digest=x signature=s "
            "x-mirrored-by=dormouse/m-1 ");
  EXPECT_EQ(sink_->seen.at(3).trailers, "repr-digest=x t=u ");
}

TEST_F(Http2EditorTest, OneThatIsCancelledWhileHeldLeavesNoTrace) {
  EXPECT_EQ(begin(1, {{"content-type", "application/json"}}), Reason::kNone);
  EXPECT_EQ(begin(3, {}), Reason::kNone);
  body(1, R"({"password":"secret")");
  body(3, "plain");
  editor_.cancelRequest({0, 1}, Reason::kMalformed);
  editor_.cancelRequest({0, 3}, Reason::kMalformed);
  EXPECT_EQ(sink_->seen.count(1), 0U);
  EXPECT_TRUE(sink_->seen.at(3).cancelled);
  EXPECT_TRUE(fates_.all.empty());
}

TEST_F(Http2EditorTest, LeavesOutTunnelsAndWhatItCannotLookInto) {
  EXPECT_EQ(begin(1, {}, std::nullopt, "CONNECT"), Reason::kRedactionNeedsHttp);
  EXPECT_EQ(begin(3, {{"content-encoding", "gzip"}}), Reason::kUnredactable);
  EXPECT_EQ(begin(5, {{"content-type", "application/grpc+json"}}), Reason::kNone);
  body(5, "\1abc");
  editor_.endRequest({0, 5}, {});
  EXPECT_EQ(fates_.all, (std::map<std::uint32_t, Reason>{{5, Reason::kUnredactable}}));
  EXPECT_TRUE(sink_->seen.empty());
}

}  // namespace
}  // namespace dormouse::mirror
