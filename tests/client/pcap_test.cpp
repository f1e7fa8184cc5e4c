// kubectl-mirror pcap: the stream as it comes, to standard output or to a file.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/client/fake_cluster.h"
#include "tests/client/fake_sidecar.h"
#include "tests/client/living_sidecar.h"
#include "tests/client/process.h"
#include "tests/client/stream.h"

namespace dormouse::client {
namespace {

using ::testing::HasSubstr;

// A sidecar whose stream is `packets`, and which has that ledger to tell afterwards.
class PcapSidecar {
 public:
  explicit PcapSidecar(const wire::Ledger& ledger) {
    for (int i = 0; i < 300'000; ++i) packets_ += static_cast<char>(i * 7);
    sidecar_.on("GET /v1/stream", [this](Call& call) {
      call.beginStream();
      call.send(packets_, 5000);
    });
    sidecar_.on("GET /v1/mirrors/", [ledger](Call& call) { call.answer(200, reportJson(ledger)); });
  }

  const std::string& packets() const { return packets_; }
  FakeSidecar& sidecar() { return sidecar_; }

 private:
  std::string packets_;
  FakeSidecar sidecar_;  // Last: its script uses the other.
};

TEST(Pcap, CopiesTheStreamAndReadsTheLedgerAfterwards) {
  PcapSidecar source(lossyLedger());
  Process client(MIRROR_BINARY, words(source.sidecar(), {"pcap", "8080"}));
  EXPECT_EQ(client.wait(), 1);
  EXPECT_TRUE(client.out() == source.packets()) << client.out().size();
  EXPECT_THAT(client.err(), HasSubstr("gap 1"));
  EXPECT_THAT(source.sidecar().calls().at(0), HasSubstr("format=pcap"));
}

TEST(Pcap, OfAPodComesThroughAPortForward) {
  PcapSidecar source(deliveredLedger(3));
  FakeCluster cluster(portOf(source.sidecar()));
  Process client(MIRROR_BINARY, {"pcap", "pod/web-0", "8080"}, cluster.environment());
  EXPECT_EQ(client.wait(), 0) << client.err();
  EXPECT_TRUE(client.out() == source.packets()) << client.out().size();
  EXPECT_THAT(client.err(), HasSubstr("pod/web-0: mirror m-"));
}

TEST(Pcap, IsOfOnePodOnly) {
  FakeCluster cluster;
  cluster.addPod({"web-a", "uid-a"}, 1);
  cluster.addPod({"web-b", "uid-b"}, 1);
  cluster.addDeployment("web-a\nweb-b\n");
  Process client(MIRROR_BINARY, {"pcap", "deploy/web", "8080"}, cluster.environment());
  EXPECT_EQ(client.wait(), 2);
  EXPECT_THAT(client.err(), HasSubstr("pcap takes one pod, and deploy/web has 2: pod/web-a"));
}

TEST(Pcap, WritesAFileForItsOwnerAloneAndStopsOnCtrlC) {
  const std::string path = testing::TempDir() + "pcap_test.pcap";
  ::unlink(path.c_str());
  Flag deleted;
  FakeSidecar sidecar;
  // What was captured before the DELETE is sent after it.
  sidecar.on("GET /v1/stream", [&](Call& call) {
    call.beginStream();
    call.send("pack");
    deleted.await();
    call.send("ets");
  });
  sidecar.on("DELETE", [&](Call& call) {
    deleted.set();
    call.answer(200, reportJson(deliveredLedger(3)));
  });
  Process client(MIRROR_BINARY, words(sidecar, {"pcap", "8080", "--write", path}));
  ASSERT_TRUE(client.awaitOutput("mirror m-"));
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), 0) << client.out();
  std::ostringstream written;
  written << std::ifstream(path).rdbuf();
  EXPECT_EQ(written.str(), "packets");
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

}  // namespace
}  // namespace dormouse::client
