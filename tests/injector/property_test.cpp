// f(f(pod)) = f(pod), and what a patch may never do, over generated pods.
#include <gtest/gtest.h>

#include <random>

#include "tests/injector/support/pods.h"

namespace dormouse::injector {
namespace {

// Draws pods of all shapes; the same seed gives the same pods.
class PodGenerator {
 public:
  explicit PodGenerator(unsigned seed) : random_(seed) {}

  bool chance(unsigned percent) { return random_() % 100 < percent; }
  const char* any(std::initializer_list<const char*> list) {
    return *(list.begin() + random_() % list.size());
  }

  JsonObject pod() {
    JsonObject metadata = newObject();
    JsonObject labels = newObject();
    labels->set(kInjectLabel, "true");
    metadata->set("labels", labels);
    if (chance(60)) metadata->set("annotations", annotations());
    JsonObject spec = newObject();
    JsonArray containers = newArray();
    for (unsigned i = 0; i < 1 + random_() % 4; ++i) containers->add(container(i));
    spec->set("containers", containers);
    if (chance(40)) {
      JsonArray init = newArray();
      for (unsigned i = 0; i < random_() % 3; ++i) init->add(container(100 + i));
      spec->set("initContainers", init);
    }
    if (chance(5)) spec->set("initContainers", Poco::Dynamic::Var());
    if (chance(50)) spec->set("volumes", named({"data", "tmp", kTokenVolume, "dormouse-tokens-2"}));
    if (chance(50)) spec->set("imagePullSecrets", named({"pull-a", "mine", "pull-b"}));
    if (chance(40)) spec->set("restartPolicy", any({"Always", "OnFailure", "Never"}));
    if (chance(10)) spec->set("resources", parseObject(R"({"limits":{"cpu":"1"}})"));
    if (chance(5)) spec->set("hostNetwork", true);
    JsonObject pod = newObject();
    pod->set("metadata", metadata);
    pod->set("spec", spec);
    return pod;
  }

 private:
  JsonObject annotations() {
    JsonObject object = newObject();
    if (chance(40)) object->set(kPortsAnnotation, any({"80", "80,443", "", "x", "70000", "22"}));
    if (chance(40))
      object->set(kControlPortAnnotation, any({"4747", "5000", "1", "0", "-1", "99999"}));
    if (chance(40)) object->set(kCpuLimitAnnotation, any({"1", "1m", "10m", "5", "1e2", "x"}));
    if (chance(40)) object->set(kMemoryLimitAnnotation, any({"64Mi", "1Ki", "1Gi", "512Mi", "-1"}));
    if (chance(20)) object->set(kStatusAnnotation, any({"{}", "old", ""}));
    if (chance(40)) object->set("a~b/c", "x");
    return object;
  }
  JsonObject container(unsigned number) {
    JsonObject object = newObject();
    object->set("name", "c" + std::to_string(number));
    if (chance(60)) {
      JsonArray ports = newArray();
      JsonObject port = newObject();
      port->set("containerPort", static_cast<int>(4745 + random_() % 6));
      ports->add(port);
      object->set("ports", ports);
    }
    if (chance(70)) {
      object->set("resources", parseObject(chance(70) ? R"({"limits":{"cpu":"1","memory":"1Gi"}})"
                                                      : R"({"requests":{"cpu":1}})"));
    }
    return object;
  }
  JsonArray named(std::initializer_list<const char*> list) {
    JsonArray array = newArray();
    for (const char* name : list) {
      if (!chance(50)) continue;
      JsonObject object = newObject();
      object->set("name", name);
      array->add(object);
    }
    return array;
  }

  std::mt19937 random_;
};

Decision decideOn(const JsonObject& pod, const Surroundings& surroundings,
                  const InjectionSettings& settings) {
  return decide(parseReview(reviewOf(toText(pod))), surroundings, {}, settings);
}

TEST(Property, InjectingTwiceIsInjectingOnce) {
  PodGenerator generator(20240501);
  InjectionSettings settings = testSettings();
  settings.pullSecrets = {"pull-a", "pull-b"};
  settings.ceilings.allowPorts = {80, 443};
  int injected = 0;
  for (int i = 0; i < 5000; ++i) {
    const JsonObject original = generator.pod();
    const Surroundings surroundings{
        profileOf(generator.any({"privileged", "baseline", "restricted"})), generator.chance(50)};
    const Decision first = decideOn(original, surroundings, settings);
    ASSERT_NE(std::string(resultOf(first.outcome)), "error") << toText(original);
    const JsonObject once = parseObject(toText(original));
    if (first.patch) applyPatch(once, first.patch->operations());
    const Decision second = decideOn(once, surroundings, settings);
    ASSERT_TRUE(!second.patch || second.patch->empty()) << second.patch->toText();
    if (first.outcome != Outcome::kInjected) continue;
    ++injected;
    ASSERT_EQ(second.outcome, Outcome::kAlreadyInjected);
    ASSERT_TRUE(second.warnings.empty());
    const Pod before(parseObject(toText(original)));
    const Pod after(once);
    ASSERT_TRUE(after.hasSidecar());
    // The class of service stays, unless the pod had no resources at all (BestEffort).
    if (!before.podLevelResources()) {
      ASSERT_EQ(before.guaranteed(), after.guaranteed()) << toText(once);
    }
    ASSERT_EQ(after.volumeNames().size(), before.volumeNames().size() + 1);
  }
  EXPECT_GT(injected, 2000);
}

}  // namespace
}  // namespace dormouse::injector
