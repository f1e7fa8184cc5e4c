#include "enter/container_cgroup.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dormouse::enter {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kOther = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const std::string kPod = "pod8c1f2e4a-6d1b-4e0e-9d5e-1f2a3b4c5d6e";
const std::string kSlice =
    "/kubepods.slice/kubepods-burstable.slice/"
    "kubepods-burstable-pod8c1f2e4a_6d1b_4e0e_9d5e_1f2a3b4c5d6e.slice/";

TEST(ContainerCgroup, TheSpellingsOfAllRuntimes) {
  const std::vector<std::string> paths = {
      "/kubepods/burstable/" + kPod + "/" + kId,  // cgroupfs: containerd, dockershim, CRI-O
      "/kubepods/" + kPod + "/" + kId,            // Guaranteed
      kSlice + "cri-containerd-" + kId + ".scope",
      kSlice + "crio-" + kId + ".scope",
      kSlice + "crio-" + kId + ".scope/container",  // crun, version 2
      kSlice + "docker-" + kId + ".scope",
      "/docker/" + kId,
      "/machine.slice/libpod-" + kId + ".scope",
      "/machine.slice/libpod-" + kId + ".scope/container",
      // containerd with systemd's paths and without systemd.
      "/system.slice/containerd.service/kubepods-burstable-" + kPod +
          ".slice:cri-containerd:" + kId,
      // Seen from another cgroup namespace.
      "/../../" + kPod + "/" + kId,
      "/../cri-containerd-" + kId + ".scope",
      "/../../../../" + kSlice + "crio-" + kId + ".scope",
      // A node that is itself a container (kind, k3d).
      "/docker/" + kOther + "/kubelet/kubepods/besteffort/" + kPod + "/" + kId,
      "/docker/" + kOther + "/kubelet.slice/kubelet-kubepods.slice/cri-containerd-" + kId +
          ".scope",
      // What an init system in the container makes of its own.
      kSlice + "cri-containerd-" + kId + ".scope/init.scope",
      kSlice + "cri-containerd-" + kId + ".scope/system.slice/app.service",
      kId,
      "/" + kId + "/",
  };
  for (const std::string& path : paths) EXPECT_EQ(containerOfCgroup(path), kId) << path;
}

TEST(ContainerCgroup, WhatIsNoContainer) {
  const std::vector<std::string> paths = {
      "",
      "/",
      "/..",
      "/user.slice/user-1000.slice/session-3.scope",
      "/system.slice/containerd.service",
      "/kubepods/burstable/" + kPod,
      // CRI-O's and podman's monitors run on the node, not in the container.
      kSlice + "crio-conmon-" + kId + ".scope",
      "/machine.slice/libpod-conmon-" + kId + ".scope",
      "/docker/" + kId.substr(1),
      "/docker/" + kId + "0",
      "/docker/0" + kId.substr(0, 62) + "g",
      "/docker/x" + kId,
      "/docker/0123456789ABCDEF" + kId.substr(16),
      "/docker/" + kId + ".scope.scope",
      "/docker/" + kId + ".service",
  };
  for (const std::string& path : paths) EXPECT_EQ(containerOfCgroup(path), "") << path;
}

TEST(ContainerCgroup, TheInnermostContainerCounts) {
  // Docker in the pod: its containers are not the pod's.
  EXPECT_EQ(containerOfCgroup("/kubepods/" + kPod + "/" + kId + "/docker/" + kOther), kOther);
  EXPECT_FALSE(isInContainer("0::/kubepods/" + kPod + "/" + kId + "/docker/" + kOther + "\n", kId));
}

TEST(ContainerCgroup, VersionOne) {
  const std::string path = "/kubepods/burstable/" + kPod + "/" + kId;
  const std::string file = "11:cpu,cpuacct:" + path + "\n10:memory:" + path +
                           "\n1:name=systemd:" + path + "\n0::/system.slice/containerd.service\n";
  EXPECT_TRUE(isInContainer(file, kId));
  EXPECT_FALSE(isInContainer(file, kOther));
}

TEST(ContainerCgroup, VersionTwo) {
  EXPECT_TRUE(isInContainer("0::" + kSlice + "cri-containerd-" + kId + ".scope\n", kId));
  EXPECT_TRUE(isInContainer("0::/../../" + kPod + "/" + kId, kId));  // Without its newline.
}

TEST(ContainerCgroup, AProcessThatIsPartlyElsewhereIsInNeither) {
  const std::string file = "2:cpu:/kubepods/" + kPod + "/" + kId + "\n1:memory:/docker/" + kOther;
  EXPECT_FALSE(isInContainer(file, kId));
  EXPECT_FALSE(isInContainer(file, kOther));
}

TEST(ContainerCgroup, OtherTextIsNoContainer) {
  for (const std::string& text :
       {std::string(), std::string("\n\n"), kId, "0:" + kId, ":" + kId, std::string("0::\n")}) {
    EXPECT_FALSE(isInContainer(text, kId)) << text;
  }
  EXPECT_FALSE(isInContainer("0::/\n", ""));
}

TEST(ContainerCgroup, Ids) {
  EXPECT_TRUE(isContainerId(kId));
  EXPECT_FALSE(isContainerId(""));
  EXPECT_FALSE(isContainerId(kId.substr(1)));
  EXPECT_FALSE(isContainerId("../" + kId.substr(3)));
}

}  // namespace
}  // namespace dormouse::enter
