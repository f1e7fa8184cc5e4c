#include "enter/pod_mounts.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "enter/pod_target.h"

namespace dormouse::enter {
namespace {

const std::string kUid = "8c1f2e4a-6d1b-4e0e-9d5e-1f2a3b4c5d6e";
const std::string kOther = "00000000-6d1b-4e0e-9d5e-1f2a3b4c5d6e";

// As the kernel writes it: ID, parent, device, root, mount point, options, tags, -, type, source.
std::string mount(const std::string& root, const std::string& point) {
  return "612 590 8:1 " + root + " " + point + " rw,relatime - ext4 /dev/sda1 rw\n";
}
const std::string kNothing =
    "590 512 0:57 / / ro,relatime - overlay overlay rw,lowerdir=/var/lib/containerd/1/fs\n"
    "591 590 0:60 / /proc rw,nosuid - proc proc rw\n";

TEST(PodMounts, WhatTheKubeletMounts) {
  for (const std::string& root :
       {"/var/lib/kubelet/pods/" + kUid + "/etc-hosts",
        "/var/lib/kubelet/pods/" + kUid + "/containers/app/1f2e3d4c",
        // Its directory is a file system of its own, or elsewhere, or the file was replaced.
        "/pods/" + kUid + "/etc-hosts", "/var/lib/k0s/kubelet/pods/" + kUid + "/etc-hosts",
        "/var/lib/kubelet/pods/" + kUid + "/etc-hosts//deleted",
        // A node in a directory of its own that is called pods.
        "/srv/pods/node-1/kubelet/pods/" + kUid + "/etc-hosts"}) {
    EXPECT_TRUE(hasMountsOfPod(kNothing + mount(root, "/etc/hosts"), kUid)) << root;
    EXPECT_FALSE(hasMountsOfPod(kNothing + mount(root, "/etc/hosts"), kOther)) << root;
  }
}

TEST(PodMounts, WhatItDoesNotMount) {
  for (const std::string& root :
       {std::string("/"), "/var/lib/kubelet/pods/" + kUid, "/var/lib/kubelet/pods/" + kUid + "/",
        "/var/lib/kubelet/pods/" + kUid + "/volumes/kubernetes.io~configmap/c",
        "/var/lib/kubelet/pods/" + kUid + "/etc-hosts/x", "/podsx/" + kUid + "/etc-hosts",
        "/pods/" + kUid + "0000/etc-hosts",
        // An emptyDir's subPath, chosen by the pod.
        "/var/lib/kubelet/pods/" + kOther + "/volumes/v/pods/" + kUid + "/etc-hosts"}) {
    EXPECT_FALSE(hasMountsOfPod(mount(root, "/etc/hosts"), kUid)) << root;
  }
  // It is the source that counts, not the place in the container.
  EXPECT_FALSE(hasMountsOfPod(mount("/x", "/var/lib/kubelet/pods/" + kUid + "/etc-hosts"), kUid));
}

TEST(PodMounts, AContainerThatShowsTwoPodsIsOfNeither) {
  // A memory-backed emptyDir has no longer path than that.
  const std::string text =
      mount("/var/lib/kubelet/pods/" + kOther + "/containers/a/1", "/dev/log") +
      mount("/pods/" + kUid + "/etc-hosts", "/etc/hosts");
  EXPECT_FALSE(hasMountsOfPod(text, kUid));
  EXPECT_FALSE(hasMountsOfPod(text, kOther));
}

TEST(PodMounts, OtherTextIsNoMount) {
  for (const std::string& text : {std::string(), std::string("\n"), std::string("1 2 3"),
                                  "/pods/" + kUid + "/etc-hosts", kNothing}) {
    EXPECT_FALSE(hasMountsOfPod(text, kUid)) << text;
  }
  EXPECT_FALSE(hasMountsOfPod(mount("/pods//etc-hosts", "/etc/hosts"), ""));
}

const std::string kId(64, 'a');

TEST(PodTarget, IsReadWhole) {
  const PodTarget target = PodTarget::parse("shop/web-0.a", kUid, kId, "/var/log/pods");
  EXPECT_EQ(target.nameSpace, "shop");
  EXPECT_EQ(target.name, "web-0.a");
  EXPECT_EQ(target.logDirectory(), "shop_web-0.a_" + kUid);
}

// Nothing of it may lead to another directory.
TEST(PodTarget, RefusesWhatIsNone) {
  for (const char* pod :
       {"", "/", "shop", "shop/", "/web", "shop/web/0", "shop/../web", "shop/..", "../web",
        "shop/web_0", "Shop/web", "shop.x/web", "-shop/web", "shop/web-"}) {
    EXPECT_THROW(PodTarget::parse(pod, kUid, kId, "/l"), std::invalid_argument) << pod;
  }
  for (const std::string& uid :
       {std::string(), kUid + "0", kUid.substr(5), "../" + kUid.substr(3)}) {
    EXPECT_THROW(PodTarget::parse("shop/web", uid, kId, "/l"), std::invalid_argument) << uid;
  }
  EXPECT_THROW(PodTarget::parse("shop/web", kUid, "containerd://" + kId, "/l"),
               std::invalid_argument);
  EXPECT_THROW(PodTarget::parse("shop/web", kUid, kId, "var/log"), std::invalid_argument);
}

}  // namespace
}  // namespace dormouse::enter
