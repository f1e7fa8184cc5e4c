// What `ndjson` holds beside requests, and the responses of both formats that have them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sink/frames_sink.h"
#include "sink/json_line.h"
#include "sink/request_sink.h"
#include "tests/sink/frame_log.h"
#include "tests/sink/sockets.h"

namespace dormouse::sink {
namespace {

using namespace std::string_literals;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class NdjsonSinkTest : public test::SinkTest {
 protected:
  void start(int kernelBuffer = 0, std::size_t budget = 4 << 20) {
    stream_ = test::makeStream(kernelBuffer);
    sink_ = std::make_unique<RequestSink>(loop_, std::move(stream_.writer), recorder_,
                                          makeNdjsonFormat(),
                                          StreamOptions{budget, std::chrono::hours(5)});
    read();  // The first sign of life.
  }
  std::string read() {
    sink_->flush(clock_.now());
    test::Received received;
    test::readSome(stream_.reader.get(), received, 1 << 20);
    return received.bytes;
  }
  http::PairedResponse paired() const {
    http::PairedResponse response;
    response.status = 200;
    response.head =
        "HTTP/1.1 200 OK\r\nX-A: 1\r\nSet-Cookie: a=1, b\r\nx-a: 2\r\nSet-Cookie: c=\"d\"\r\n\r\n";
    response.body = "hi\xff";
    response.bodyBytes = 4;
    response.latency = std::chrono::microseconds(12'034);
    response.timestamp = WallTime(std::chrono::seconds(1));
    return response;
  }
  mirror::ResponseInfo info(const http::PairedResponse* response,
                            Reason missing = Reason::kNone) const {
    return {7, 3, "GET", "/a\"b", response, missing};
  }

  test::Stream stream_;
  std::unique_ptr<mirror::Sink> sink_;
};

TEST_F(NdjsonSinkTest, AResponseIsALine) {
  start();
  const http::PairedResponse response = paired();
  ASSERT_EQ(sink_->responses()->response(info(&response)), Reason::kNone);
  EXPECT_EQ(read(),
            R"({"type":"response","connection":7,"request":3,"time":"1970-01-01T00:00:01.000Z",)"
            R"("method":"GET","path":"/a\"b","status":200,"latency_ms":12.034,)"
            R"("headers":{"set-cookie":["a=1, b","c=\"d\""],"x-a":"1, 2"},)"
            R"("body_bytes":4,"body_truncated":true,"body_base64":"aGn/"})"
            "\n");
  EXPECT_THAT(recorder_.responses, ElementsAre(Reason::kNone));
}

TEST_F(NdjsonSinkTest, OneOfHttp2HasItsTrailers) {
  start();
  http::PairedResponse response = paired();
  response.head =
      "HTTP/2 200\r\ncontent-type: application/grpc\r\n\r\ngrpc-status: 5\r\ngrpc-message: a: "
      "b\r\n\r\n";
  ASSERT_EQ(sink_->responses()->response(info(&response)), Reason::kNone);
  EXPECT_THAT(read(), HasSubstr(R"("headers":{"content-type":"application/grpc"},)"
                                R"("trailers":{"grpc-message":"a: b","grpc-status":"5"},)"
                                R"("body_bytes":4,)"));
}

TEST_F(NdjsonSinkTest, AMissingResponseIsOneToo) {
  start();
  EXPECT_EQ(sink_->responses()->response(info(nullptr, Reason::kGap)), Reason::kNone);
  EXPECT_EQ(read(),
            R"({"type":"response","connection":7,"request":3,"method":"GET","path":"/a\"b",)"
            R"("missing":"gap"})"
            "\n");
  EXPECT_THAT(recorder_.responses, ElementsAre()) << "its fate was known before";
}

TEST_F(NdjsonSinkTest, ResponsesThatDoNotFitAreRefused) {
  start(4096, 64 << 10);
  http::PairedResponse response = paired();
  response.body = std::string(20'000, 'x');
  response.bodyBytes = response.body.size();
  Reason refused = Reason::kNone;
  std::size_t taken = 0;
  for (; refused == Reason::kNone; ++taken) refused = sink_->responses()->response(info(&response));
  EXPECT_EQ(refused, Reason::kOverBudget);
  sink_->finish([] { return "{\"id\":\"m\"}"s; });
  EXPECT_EQ(recorder_.responses.size(), taken - 1) << "each has its fate";
}

TEST_F(NdjsonSinkTest, AConnectionThatIsNotHttpIsOpenDataAndClose) {
  start();
  open(*sink_, 4);
  EXPECT_EQ(read(), "") << "it begins with its first bytes";
  data(*sink_, 4, "PING\r\n");
  data(*sink_, 4, "\xff"s + std::string(kMaxShownBody, 'x'));
  close(*sink_, 4);
  std::string all;
  runUntil([&] {
    all += read();
    return all.find("close") != std::string::npos;
  });
  EXPECT_THAT(all, HasSubstr(R"({"type":"open","connection":1,"time":)"));
  EXPECT_THAT(all, HasSubstr(R"("client":"10.0.0.9:5","server":"10.0.0.1:8080"})"
                             "\n"
                             R"({"type":"data","connection":1,"bytes":6,"data":"PING\u000d\u000a"})"
                             "\n"
                             R"({"type":"data","connection":1,"bytes":65536,"data_base64":"/3h4)"));
  EXPECT_THAT(all, ::testing::EndsWith(R"({"type":"data","connection":1,"bytes":1,"data":"x"})"
                                       "\n"
                                       R"({"type":"close","connection":1})"
                                       "\n"));
  sink_->flush(clock_.now());
  EXPECT_EQ(recorder_.fate(4), Reason::kNone);
}

TEST_F(NdjsonSinkTest, ACutOrAResetIsSaid) {
  start();
  open(*sink_, 0);
  data(*sink_, 0, "a");
  close(*sink_, 0, Reason::kGap);
  open(*sink_, 1);
  data(*sink_, 1, "b");
  guarded([&] {
    sink_->close(1, Reason::kNone, true);
    return Reason::kNone;
  });
  open(*sink_, 2);
  data(*sink_, 2, "c");
  sink_->flush(clock_.now());
  sink_->finish([] { return "{\"id\":\"m\"}"s; });
  const std::string all = read();
  EXPECT_THAT(all, HasSubstr(R"({"type":"close","connection":1,"reason":"gap"})"));
  EXPECT_THAT(all, HasSubstr(R"({"type":"close","connection":2,"reset":true})"));
  EXPECT_THAT(all, ::testing::EndsWith(R"({"type":"close","connection":3,"reason":"mirror-ended"})"
                                       "\n"
                                       R"({"type":"ledger","id":"m"})"
                                       "\n"));
  EXPECT_EQ(recorder_.fate(0), Reason::kGap);
  EXPECT_EQ(recorder_.fate(2), Reason::kMirrorEnded);
  EXPECT_TRUE(sink_->done());
}

TEST_F(NdjsonSinkTest, AConnectionThatDoesNotFitIsShedWholeAndItsEndWaitsForRoom) {
  start(4096, 64 << 10);
  open(*sink_, 0);
  Reason refused = Reason::kNone;
  while (refused == Reason::kNone) refused = data(*sink_, 0, std::string(5000, 'x'));
  EXPECT_EQ(refused, Reason::kOverBudget);
  open(*sink_, 1);
  EXPECT_EQ(data(*sink_, 1, "y"), Reason::kOverBudget) << "what waits comes first";
  std::string all;
  runUntil([&] {
    all += read();
    return all.find("over-budget") != std::string::npos;
  });
  EXPECT_THAT(all, ::testing::EndsWith(R"({"type":"close","connection":1,"reason":"over-budget"})"
                                       "\n"));
  EXPECT_THAT(all, Not(HasSubstr("\"connection\":2"))) << "of the second nothing was said";
}

TEST_F(NdjsonSinkTest, HttpHoldsNeither) {
  stream_ = test::makeStream();
  sink_ = std::make_unique<RequestSink>(loop_, std::move(stream_.writer), recorder_,
                                        makeHttpFormat(), StreamOptions{});
  EXPECT_FALSE(sink_->carriesRaw());
  open(*sink_, 0);
  data(*sink_, 0, "PING");
  close(*sink_, 0);
  EXPECT_EQ(read(), "");
}

TEST_F(NdjsonSinkTest, FramesCarryTheSameResponses) {
  stream_ = test::makeStream();
  StreamOptions options;
  options.responses = true;
  sink_ = std::make_unique<FramesSink>(loop_, std::move(stream_.writer), recorder_, options);
  for (mirror::ConnectionHandle handle = 0; handle < 7; ++handle) open(*sink_, handle);
  const http::RequestHead head;
  for (const std::uint32_t number : {1U, 3U, 5U}) {
    sink_->beginRequest({6, number}, {head, WallTime()});
    sink_->endRequest({6, number}, {});
  }
  EXPECT_EQ(sink_->responses()->numberOf(0), 1U);
  const http::PairedResponse response = paired();
  ASSERT_EQ(sink_->responses()->response(info(&response)), Reason::kNone);
  EXPECT_EQ(sink_->responses()->response(info(&response)), Reason::kFiltered) << "once";
  // Answered while an editor held it back: where it then begins, nothing is waited for.
  mirror::ResponseInfo early = info(&response);
  early.request = 9;
  EXPECT_EQ(sink_->responses()->response(early), Reason::kFiltered);
  sink_->beginRequest({6, 9}, {head, WallTime()});
  mirror::ResponseInfo missing = info(nullptr, Reason::kUnanswered);
  missing.request = 5;
  ASSERT_EQ(sink_->responses()->response(missing), Reason::kNone);
  struct Last final : wire::FrameHandler {
    void onOpen(const wire::OpenFrame&) override {}
    void onData(std::uint64_t, std::span<const std::uint8_t>) override {}
    void onRequest(const wire::RequestFrame&) override {}
    void onClose(const wire::CloseFrame&) override {}
    void onLedger(std::string_view) override {}
    void onHeartbeat() override {}
    void onResponse(const wire::ResponseFrame& frame) override {
      seen.push_back(frame);
      texts.emplace_back(frame.head.begin(), frame.head.end());
      texts.emplace_back(frame.body.begin(), frame.body.end());
    }
    std::vector<wire::ResponseFrame> seen;
    std::vector<std::string> texts;
  } last;
  const std::string bytes = read();
  wire::FrameDecoder(last).feed(test::bytesOf(bytes));
  ASSERT_EQ(last.seen.size(), 3U);
  EXPECT_EQ(last.seen[0].connection, 7U);
  EXPECT_EQ(last.seen[0].request, 2U) << "its place in this stream, not its number";
  EXPECT_EQ(last.seen[0].status, 200);
  EXPECT_EQ(last.seen[0].latency, response.latency);
  EXPECT_EQ(last.seen[0].bodyBytes, 4U);
  EXPECT_THAT(last.texts, ElementsAre(response.head, response.body, "", "", "", ""));
  EXPECT_EQ(last.seen[1].request, 4U);
  EXPECT_EQ(last.seen[1].missing, Reason::kFiltered);
  EXPECT_EQ(last.seen[2].request, 3U);
  EXPECT_EQ(last.seen[2].missing, Reason::kUnanswered);
  sink_->flush(clock_.now());
  EXPECT_THAT(recorder_.responses, ElementsAre(Reason::kNone));
}

TEST_F(NdjsonSinkTest, FramesNameARequestOfHttp2ByItsNumber) {
  stream_ = test::makeStream();
  StreamOptions options;
  options.responses = true;
  sink_ = std::make_unique<FramesSink>(loop_, std::move(stream_.writer), recorder_, options);
  mirror::ConnectionInfo connection;
  connection.http2 = true;
  ASSERT_EQ(sink_->open(0, connection), Reason::kNone);
  http::RequestHead head;
  head.majorVersion = 2;
  head.method = "GET";
  head.scheme = "http";
  head.target = "/";
  for (const std::uint32_t number : {3U, 9U}) sink_->beginRequest({0, number}, {head, WallTime()});
  const http::PairedResponse response = paired();
  const std::uint64_t name = sink_->responses()->numberOf(0);
  EXPECT_EQ(sink_->responses()->response({name, 9, "GET", "/", &response, Reason::kNone}),
            Reason::kNone);
  EXPECT_EQ(sink_->responses()->response({name, 5, "GET", "/", &response, Reason::kNone}),
            Reason::kFiltered);
  EXPECT_EQ(sink_->responses()->response({name, 3, "GET", "/", nullptr, Reason::kGap}),
            Reason::kNone);
  test::FrameLog log;
  log.feed(read());
  EXPECT_THAT(log.events, ::testing::IsSupersetOf({"response 1.9 200", "response 1.3 gap"}));
}

}  // namespace
}  // namespace dormouse::sink
