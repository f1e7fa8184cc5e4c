#include "sink/request_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sink/request_feeder.h"
#include "tests/sink/sockets.h"

namespace dormouse::sink {
namespace {

using namespace std::string_literals;

using Feeder = test::RequestFeeder;
using mirror::ConnectionHandle;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class RequestSinkTest : public test::SinkTest {
 protected:
  void start(std::unique_ptr<RequestFormat> format, int kernelBuffer = 0,
             std::size_t budget = 4 << 20) {
    stream_ = test::makeStream(kernelBuffer);
    sink_ = std::make_unique<RequestSink>(loop_, std::move(stream_.writer), recorder_,
                                          std::move(format),
                                          StreamOptions{budget, std::chrono::seconds(5)});
  }
  Feeder connect(ConnectionHandle handle) {
    EXPECT_EQ(open(*sink_, handle), Reason::kNone);
    return {*sink_, handle};
  }
  std::string read() {
    sink_->flush(clock_.now());
    test::Received received;
    test::readSome(stream_.reader.get(), received, 1 << 20);
    return received.bytes;
  }

  test::Stream stream_;
  std::unique_ptr<RequestSink> sink_;
};

TEST_F(RequestSinkTest, RequestsOfSeveralConnectionsComeWholeOneAfterTheOther) {
  start(makeHttpFormat());
  Feeder one = connect(0);
  Feeder two = connect(1);
  one.feed("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha");
  two.feed("GET /2 HTTP/1.1\r\nHost: b\r\n\r\n");
  EXPECT_EQ(read(), "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n");
  one.feed("lf");
  EXPECT_EQ(read(), "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhalf");
  EXPECT_THAT(recorder_.requests, ElementsAre(Pair(1U, Reason::kNone), Pair(0U, Reason::kNone)));
}

TEST_F(RequestSinkTest, HttpMakesOneConnectionOfMany) {
  start(makeHttpFormat());
  Feeder client = connect(0);
  client.feed("GET /old HTTP/1.0\r\nConnection: close\r\nX-A:  b \r\nProxy-Connection: x\r\n\r\n");
  EXPECT_EQ(read(), "GET /old HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n\r\n");
  client.feed("GET /none HTTP/1.1\r\nHost:\r\n\r\n");
  EXPECT_EQ(read(), "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nT: "
      "t\r\n\r\n";
  client.feed(chunked);
  EXPECT_EQ(read(), chunked);
  client.feed("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\nsecret");
  EXPECT_EQ(client.judged, Reason::kFiltered);
  EXPECT_EQ(read(), "");
}

TEST_F(RequestSinkTest, NdjsonEscapesWhateverComes) {
  start(makeNdjsonFormat());
  connect(0);
  Feeder client = connect(1);
  client.feed(
      "POST /a\\b?q\xff HTTP/1.1\r\nHost: a\r\nx-A: \"\r\nX-a: \xff\r\n"
      "Content-Length: 4\r\n\r\n\"\n\\\0"s);
  EXPECT_EQ(
      read(),
      "{\"type\":\"request\",\"connection\":2,\"request\":1,\"time\":\"1970-01-01T00:00:01.000Z\","
      "\"client\":\"10.0.0.9:2\",\"server\":\"10.0.0.1:8080\",\"method\":\"POST\","
      "\"target\":\"/a\\\\b?q\xef\xbf\xbd\",\"path\":\"/a\\\\b\",\"query\":\"q\xef\xbf\xbd\","
      "\"version\":\"1.1\",\"headers\":{\"content-length\":\"4\",\"host\":\"a\","
      "\"x-a\":\"\\\", \xef\xbf\xbd\"},\"body_bytes\":4,"
      "\"body\":\"\\\"\\u000a\\\\\\u0000\"}\n");
}

TEST_F(RequestSinkTest, ARequestThatIsBrokenOffLeavesNoTrace) {
  start(makeHttpFormat());
  Feeder client = connect(0);
  client.feed(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: "
      "9\r\n\r\nhalf");
  close(*sink_, 0, Reason::kGap);
  EXPECT_EQ(read(), "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(recorder_.requests, ElementsAre(Pair(0U, Reason::kNone)));
  EXPECT_EQ(recorder_.fate(0), Reason::kGap);
}

TEST_F(RequestSinkTest, WhatDoesNotFitIsLeftOutAlone) {
  start(makeHttpFormat(), 0, 64 << 10);
  Feeder client = connect(0);
  client.feed("PUT /big HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n" +
              std::string(40000, 'b'));
  EXPECT_EQ(client.judged, Reason::kOverBudget);
  // A chunked one does not say how long it will be.
  std::string chunked = "PUT /big HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i) chunked += "400\r\n" + std::string(1024, 'c') + "\r\n";
  client.feed(chunked + "0\r\n\r\n");
  EXPECT_EQ(client.judged, Reason::kNone);
  client.feed("GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(read(), "GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(recorder_.requests,
              UnorderedElementsAre(Pair(0U, Reason::kOverBudget), Pair(0U, Reason::kNone)));
}

TEST_F(RequestSinkTest, AReaderThatIsBehindCostsWholeRequests) {
  start(makeHttpFormat(), 4096, 64 << 10);
  Feeder client = connect(0);
  const std::string request =
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
  int taken = 0;
  while (client.judged == Reason::kNone) {
    client.feed(request);
    sink_->flush(clock_.now());
    taken += client.judged == Reason::kNone ? 1 : 0;
  }
  EXPECT_EQ(client.judged, Reason::kOverBudget);
  std::string all;
  runUntil([&] {
    all += read();
    return all.size() >= static_cast<std::size_t>(taken) * request.size();
  });
  std::string expected;
  for (int i = 0; i < taken; ++i) expected += request;
  EXPECT_EQ(all, expected);
}

TEST_F(RequestSinkTest, AStalledReaderKeepsOpenOnlyWhatIsUnwritten) {
  start(makeHttpFormat(), 4096, 64 << 10);
  Feeder client = connect(0);
  while (client.judged == Reason::kNone) {
    client.feed("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" +
                std::string(1000, 'x'));
    sink_->flush(clock_.now());
  }
  const std::size_t before = recorder_.requests.size();
  // Its head alone fits; the whole of it does not.
  Feeder other = connect(1);
  std::string chunked = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i) chunked += "400\r\n" + std::string(1024, 'c') + "\r\n";
  other.feed(chunked + "0\r\n\r\n");
  ASSERT_EQ(other.judged, Reason::kNone);
  close(*sink_, 1);
  close(*sink_, 0);
  sink_->flush(clock_.now());
  ASSERT_EQ(recorder_.requests.size(), before + 1);
  EXPECT_EQ(recorder_.requests.back(), (std::pair{ConnectionHandle{1}, Reason::kOverBudget}));
  EXPECT_EQ(recorder_.fate(1), Reason::kNone);
  EXPECT_FALSE(recorder_.fate(0)) << "its requests are waiting";
}

// Several times the budget in one turn, which the socket could have taken all along.
TEST_F(RequestSinkTest, ABurstCostsNothingIfTheReaderKeepsUp) {
  start(makeHttpFormat(), 0, 64 << 10);
  Feeder client = connect(0);
  const std::string request =
      "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
  const std::string chunked =
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" +
      std::string(1000, 'x') + "\r\n0\r\n\r\n";
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string& next = i % 2 == 0 ? request : chunked;
    client.feed(next);
    ASSERT_EQ(client.judged, Reason::kNone) << i;
    expected += next;
  }
  std::string all;
  runUntil([&] {
    all += read();
    return all.size() >= expected.size();
  });
  EXPECT_EQ(all, expected);
  EXPECT_THAT(recorder_.requests, ::testing::Each(Pair(0U, Reason::kNone)));
  EXPECT_EQ(recorder_.requests.size(), 200U);
}

TEST_F(RequestSinkTest, AReaderThatGoesAwaySettlesEverything) {
  start(makeNdjsonFormat());
  Feeder client = connect(0);
  client.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  stream_.reader.reset();
  runUntil([&] {
    sink_->flush(clock_.now());
    return !recorder_.gone.empty();
  });
  EXPECT_THAT(recorder_.requests, ElementsAre(Pair(0U, Reason::kSinkClosed)));
  EXPECT_EQ(recorder_.fate(0), Reason::kSinkClosed);
  EXPECT_EQ(open(*sink_, 1), Reason::kSinkClosed);
}

TEST_F(RequestSinkTest, NdjsonEndsWithTheLedgerAndBeatsMeanwhile) {
  start(makeNdjsonFormat());
  EXPECT_EQ(read(), "\n") << "a sign of life at once";
  EXPECT_EQ(read(), "");
  clock_.advance(std::chrono::seconds(5));
  EXPECT_EQ(read(), "\n");
  sink_->finish([] { return std::string("{\"id\":\"m\"}"); });
  EXPECT_EQ(read(), "{\"type\":\"ledger\",\"id\":\"m\"}\n");
  EXPECT_TRUE(sink_->done());
}

TEST_F(RequestSinkTest, HttpHasNoLastWords) {
  start(makeHttpFormat());
  sink_->finish([] { return std::string("{\"id\":\"m\"}"); });
  EXPECT_EQ(read(), "");
  EXPECT_TRUE(sink_->done());
}

}  // namespace
}  // namespace dormouse::sink
