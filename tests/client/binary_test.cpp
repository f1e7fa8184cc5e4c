// kubectl-mirror as a user runs it, against a scripted sidecar and a local program.
#include <Poco/JSON/Parser.h>
#include <Poco/Net/DatagramSocket.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <sstream>

#include "tests/client/fake_sidecar.h"
#include "tests/client/local_program.h"
#include "tests/client/process.h"
#include "tests/client/stream.h"

namespace dormouse::client {
namespace {

TEST(Mirror, DeliversEveryByteAndTheEndsAndExitsWith0) {
  const std::string one(300'000, 'x');
  FakeSidecar sidecar;
  // The interleaving and the odd chunks cross every boundary of the format.
  const std::string stream = Stream()
                                 .open(1)
                                 .data(1, one)
                                 .open(2)
                                 .data(2, "GET /two")
                                 .data(1, "!")
                                 .close(2)
                                 .close(1)
                                 .ledger(deliveredLedger(2))
                                 .text();
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream();
    call.send(stream.substr(0, 600), 7);
    call.send(stream.substr(600), 4999);
  });
  LocalProgram program;
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(program)}));
  EXPECT_EQ(client.wait(), 0) << client.err();
  auto received = program.await(2);
  ASSERT_EQ(received.size(), 2U);
  std::sort(received.begin(), received.end(),
            [](const auto& a, const auto& b) { return a.bytes.size() < b.bytes.size(); });
  EXPECT_EQ(received[0].bytes, "GET /two");
  EXPECT_TRUE(received[1].bytes == one + "!");
  EXPECT_TRUE(received[0].clean);
  EXPECT_TRUE(received[1].clean);
  EXPECT_NE(client.out().find("verdict: 2 of 2 connections delivered"), std::string::npos);
  EXPECT_EQ(client.out().find("locally"), std::string::npos) << client.out();

  const std::string head = sidecar.calls().at(0);
  EXPECT_TRUE(head.starts_with("GET /v1/stream?port=8080&")) << head;
  EXPECT_NE(head.find("format=frames"), std::string::npos);
  EXPECT_NE(head.find("\r\nAuthorization: Bearer secret\r\n"), std::string::npos);
}

TEST(Mirror, ExitsWith1IfTheLedgerHasALoss) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.send(Stream().ledger(lossyLedger()).text());
  });
  Process client(MIRROR_BINARY, words(sidecar, {"8080"}));
  EXPECT_EQ(client.wait(), 1);
  EXPECT_NE(client.out().find("gap 1"), std::string::npos) << client.out();
}

TEST(Mirror, SaysTheProblemsSentenceAndExitsWith3) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.answer(401, "{\"title\":\"Unauthorized\",\"detail\":\"the token is \\u001b[31mwrong\"}",
                "application/problem+json");
  });
  Process client(MIRROR_BINARY, words(sidecar, {"8080"}));
  EXPECT_EQ(client.wait(), 3);
  EXPECT_NE(client.err().find("401: the token is ?[31mwrong"), std::string::npos) << client.err();
  EXPECT_EQ(client.err().find("secret"), std::string::npos);
}

TEST(Mirror, ExitsWith3IfNobodyAnswersOrItIsNoSidecar) {
  const RefusedPort nobody;
  Process unreachable(MIRROR_BINARY, {"--token", "t", "--url",
                                      "http://127.0.0.1:" + std::to_string(nobody.port()), "8080"});
  EXPECT_EQ(unreachable.wait(), 3);
  const std::vector<std::string> heads = {
      "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nDormouse-Mirror: ../x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nDormouse-Mirror: m-1\r\nTransfer-Encoding: chunked\r\n\r\n", ""};
  for (const std::string& head : heads) {
    FakeSidecar sidecar;
    sidecar.on("GET /v1/stream", [&](Call& call) { call.send(head); });
    Process client(MIRROR_BINARY, words(sidecar, {"8080"}));
    EXPECT_EQ(client.wait(), 3) << head;
    EXPECT_FALSE(client.err().empty());
  }
}

TEST(Mirror, ExitsWith4IfTheStreamBreaksOffAndCutsWhatIsOpen) {
  FakeSidecar sidecar;
  LocalProgram program;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    const std::string text = Stream().open(1).data(1, "half").data(1, " a request").text();
    call.send(text.substr(0, text.size() - 3));
  });
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(program)}));
  EXPECT_EQ(client.wait(), 4);
  EXPECT_NE(client.out().find("broke off without a ledger: it ends within a record"),
            std::string::npos)
      << client.out();
  const auto received = program.await(1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_FALSE(received[0].clean) << "half a request must not look whole";
  EXPECT_TRUE(sidecar.awaitCall("GET /v1/mirrors/m-0123456789ab"));
}

TEST(Mirror, ExitsWith4IfTheStreamMakesNoSense) {
  const std::vector<std::pair<std::string, const char*>> streams = {
      {"HTML", "magic"},
      {Stream().data(1, "x").text(), "not open"},
      {Stream().open(1).open(1).text(), "open already"},
      {Stream().open(1, 9999).text(), "port 9999"},
      {Stream().text() + std::string("\xff\xff\xff\xff", 4), "maximum"}};
  for (const auto& [bytes, sentence] : streams) {
    FakeSidecar sidecar;
    LocalProgram program;
    sidecar.on("GET /v1/stream", [&, text = bytes](Call& call) {
      call.beginStream();
      call.send(text);
      call.awaitClose();
    });
    Process client(MIRROR_BINARY, words(sidecar, {pairTo(program)}));
    EXPECT_EQ(client.wait(), 4);
    EXPECT_NE(client.out().find(sentence), std::string::npos) << client.out();
  }
}

TEST(Mirror, PassesACutAsReset) {
  FakeSidecar sidecar;
  LocalProgram program;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.send(Stream().open(1).data(1, "some").close(1, Reason::kGap).ledger(lossyLedger()).text());
  });
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(program)}));
  EXPECT_EQ(client.wait(), 1);
  const auto received = program.await(1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_FALSE(received[0].clean);
}

TEST(Mirror, SaysARefusedPortOnceAndTriesTheNextConnection) {
  FakeSidecar sidecar;
  const RefusedPort nobody;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    Stream stream;
    for (std::uint64_t id = 1; id <= 3; ++id) stream.open(id).data(id, "x").close(id);
    call.send(stream.ledger(deliveredLedger(3)).text());
  });
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(nobody.port())}));
  EXPECT_EQ(client.wait(), 1) << "the sidecar delivered, the local port did not take";
  const std::string out = client.out();
  const std::string sentence = "nothing takes connections on 127.0.0.1:";
  const auto first = out.find(sentence);
  ASSERT_NE(first, std::string::npos) << out;
  EXPECT_EQ(out.find(sentence, first + 1), std::string::npos) << out;
  EXPECT_NE(out.find("sink-refused 3"), std::string::npos) << out;
}

TEST(Mirror, APausedProgramLosesNothingUpToTheCap) {
  const std::string bytes(16 << 20, 'p');  // Far above what the kernel's buffers take.
  FakeSidecar sidecar;
  LocalProgram program(true, 4096);
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream();
    call.send(Stream().open(1).data(1, bytes).close(1).ledger(deliveredLedger(1)).text());
  });
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(program)}));
  ASSERT_TRUE(client.awaitOutput("the stream has ended")) << client.out();
  program.resume();
  EXPECT_EQ(client.wait(), 0) << client.out();
  const auto received = program.await(1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_TRUE(received[0].bytes == bytes) << received[0].bytes.size();
  EXPECT_TRUE(received[0].clean);
}

TEST(Mirror, BeyondTheCapAWholeConnectionIsShedAndCounted) {
  FakeSidecar sidecar;
  LocalProgram program(true, 4096);
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream();
    call.send(Stream().open(1).data(1, std::string(16 << 20, 'p')).text());
    call.send(Stream().open(2).data(2, "small").text().substr(4));
    call.send(Stream().close(1).close(2).ledger(deliveredLedger(2)).text().substr(4));
  });
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(program), "--buffer", "1MiB"}));
  // The second connection is held, the first is gone: only then may the program go on.
  ASSERT_TRUE(client.awaitOutput("the stream has ended")) << client.out();
  program.resume();
  EXPECT_EQ(client.wait(), 1);
  EXPECT_NE(client.out().find("over-budget 1"), std::string::npos) << client.out();
  auto received = program.await(2);
  ASSERT_EQ(received.size(), 2U);
  const bool firstIsSmall = received[0].bytes == "small";
  EXPECT_TRUE(received[firstIsSmall ? 0 : 1].clean);
  EXPECT_EQ(received[firstIsSmall ? 0 : 1].bytes, "small");
  EXPECT_FALSE(received[firstIsSmall ? 1 : 0].clean);
}

TEST(Mirror, CtrlCDeletesTheMirrorAndReadsOnToTheLedger) {
  Flag deleted;
  FakeSidecar sidecar;
  LocalProgram program;
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream();
    call.send(Stream().open(1).data(1, "a").text());
    deleted.await();
    call.send(Stream().data(1, "b").close(1).ledger(deliveredLedger(1)).text().substr(4));
  });
  sidecar.on("DELETE /v1/mirrors/m-0123456789ab ", [&](Call& call) {
    deleted.set();
    call.answer(200, reportJson(deliveredLedger(1)));
  });
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(program)}));
  ASSERT_TRUE(client.awaitOutput("mirror m-0123456789ab: port 8080 to"));
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out();
  EXPECT_NE(client.out().find("verdict: "), std::string::npos);
  const auto received = program.await(1);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].bytes, "ab");
}

TEST(Mirror, ASecondCtrlCKillsAtOnce) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.awaitClose();
  });
  sidecar.on("DELETE", [](Call& call) { call.awaitClose(); });  // Never answers.
  Process client(MIRROR_BINARY, words(sidecar, {"8080"}));
  ASSERT_TRUE(client.awaitOutput("mirror m-"));
  client.signal(SIGINT);
  ASSERT_TRUE(sidecar.awaitCall("DELETE"));
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 128 + SIGINT);
}

TEST(Mirror, CtrlCEndsTheWaitForASidecarThatDoesNotAnswer) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) { call.awaitClose(); });
  Process client(MIRROR_BINARY, words(sidecar, {"8080"}));
  ASSERT_TRUE(sidecar.awaitCall("GET /v1/stream"));
  client.signal(SIGTERM);
  EXPECT_EQ(client.wait(), 3);
}

TEST(Mirror, WithoutALedgerCtrlCTakesTheOneOfTheDelete) {
  FakeSidecar sidecar;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.awaitClose();
  });
  sidecar.on("DELETE", [](Call& call) { call.answer(200, reportJson(deliveredLedger(5))); });
  Process client(MIRROR_BINARY, words(sidecar, {"8080"}));
  ASSERT_TRUE(client.awaitOutput("mirror m-"));
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 4);
  EXPECT_NE(client.out().find("5 seen, 5 delivered"), std::string::npos) << client.out();
}

TEST(Mirror, SendsDatagramsOneByOne) {
  FakeSidecar sidecar;
  Poco::Net::DatagramSocket program(Poco::Net::SocketAddress("127.0.0.1", 0));
  program.setReceiveTimeout(Poco::Timespan(10, 0));
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.send(Stream()
                  .open(1, 8080, wire::Protocol::kUdp)
                  .data(1, "one")
                  .data(1, "")
                  .data(1, std::string(9000, 'd'))
                  .close(1)
                  .ledger(deliveredLedger(1))
                  .text());
  });
  Process client(MIRROR_BINARY,
                 words(sidecar, {pairTo(program.address().port()), "--protocol", "udp"}));
  EXPECT_EQ(client.wait(), 0) << client.out();
  std::vector<char> buffer(65536);
  std::vector<int> sizes;
  for (int i = 0; i < 3; ++i) {
    sizes.push_back(program.receiveBytes(buffer.data(), static_cast<int>(buffer.size())));
  }
  EXPECT_EQ(sizes, (std::vector<int>{3, 0, 9000}));
  EXPECT_NE(sidecar.calls().at(0).find("protocol=udp"), std::string::npos);
}

TEST(Mirror, JsonIsOneObjectPerLine) {
  FakeSidecar sidecar;
  const RefusedPort nobody;
  sidecar.on("GET /v1/stream", [](Call& call) {
    call.beginStream();
    call.send(Stream().open(1).data(1, "x").close(1).ledger(deliveredLedger(1)).text());
  });
  Process client(MIRROR_BINARY, words(sidecar, {pairTo(nobody.port()), "--output", "json"}));
  EXPECT_EQ(client.wait(), 1);
  std::istringstream lines(client.out());
  std::vector<std::string> events;
  Poco::JSON::Object::Ptr last;
  for (std::string line; std::getline(lines, line);) {
    last = Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>();
    events.push_back(last->getValue<std::string>("event"));
  }
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.front(), "started");
  EXPECT_EQ(events.back(), "ended");
  EXPECT_NE(std::find(events.begin(), events.end(), "notice"), events.end());
  EXPECT_EQ(last->getValue<int>("exit"), 1);
  EXPECT_EQ(last->getObject("local")->getObject("skipped")->getValue<int>("sink-refused"), 1);
  EXPECT_EQ(last->getObject("ledger")->getObject("connections")->getValue<int>("delivered"), 1);
}

TEST(Binary, UsageErrorsExitWith2AndHelpWith0) {
  Process wrong(MIRROR_BINARY, {"8080"});
  EXPECT_EQ(wrong.wait(), 2);
  Process help(MIRROR_BINARY, {"--help"});
  EXPECT_EQ(help.wait(), 0);
  EXPECT_NE(help.out().find("Exit codes"), std::string::npos);
  Process version(MIRROR_BINARY, {"--version"});
  EXPECT_EQ(version.wait(), 0);
}

}  // namespace
}  // namespace dormouse::client
