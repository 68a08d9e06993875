// Is a lab host a licence of the cluster, that no two tasks share, and is it looked after when its task died?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "harness/base/text.h"
#include "harness/e2e/eventually.h"
#include "harness/e2e/metal/virtual_lab.h"
#include "harness/e2e/program.h"
#include "harness/e2e/slurm/cluster.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// 24 tasks on virtual machines, beside a lab's host: there a short case with a kexec, and one after it that ends in
/// kernel A.
constexpr const char* kPlan = R"([night]
name = "all"
[[kernel]]
name = "usual"
type = "stored"
kernel = "reference"
[[entry]]
name = "machines"
kernels = ["usual"]
hosts = ["qemu"]
devices = ["e1000e"]
cases = "Preserve.*:Sessions.*"
[[entry]]
name = "hosts"
kernels = ["usual"]
hosts = ["metal-1"]
devices = ["e1000e"]
cases = "Addresses.PlainKexecMovesNothing:Binding.NativeDriverComesBack"
)";

std::string text_of(const fs::path& file) {
  const auto text = read_file(file);
  return text ? *text : std::string();
}

class SlurmHost : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("XDG_STATE_HOME", state_.path().c_str(), 1);  // leases: Slurm hands it on to the tasks
    auto lab = VirtualLab::start();
    ASSERT_TRUE(lab) << lab.error().what;
    lab_ = std::make_unique<VirtualLab>(*std::move(lab));
    auto cluster = Cluster::start("metal-1:1");
    ASSERT_TRUE(cluster) << cluster.error().what;
    cluster_ = std::make_unique<Cluster>(*std::move(cluster));
  }
  void TearDown() override { ::unsetenv("XDG_STATE_HOME"); }

  /// The folder of the host's array, when it is there.
  fs::path host_array() const {
    std::error_code failed;
    for (const auto& entry : fs::recursive_directory_iterator(program_.latest().parent_path(), failed)) {
      if (entry.is_directory() && entry.path().filename().string().ends_with("-metal-1")) return entry.path();
    }
    return program_.latest().parent_path() / "none";
  }
  /// The node that has the host's task.
  static std::string node_of_host() {
    const std::string running =
        Cluster::ask({"squeue", "--noheader", "--states=RUNNING", "--licenses=metal-1", "--format=%N"});
    return std::string(trim(running));
  }
  std::string told() const { return text_of(program_.output_file()) + cluster_->logs(); }

  const TempDir state_ = *TempDir::create("holdfast-state");
  Program program_;
  std::unique_ptr<VirtualLab> lab_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(SlurmHost, WhoseTaskDiedIsHealthyBeforeItIsUsedAgain) {
  const fs::path plan = state_.path() / "night.toml";
  ASSERT_TRUE(write_file(plan, kPlan));
  const std::vector<std::string> what{"--lab=" + lab_->inventory().string(), "--plan=" + plan.string()};
  const auto with_what = [&](std::vector<std::string> words) {
    words.insert(words.end(), what.begin(), what.end());
    return words;
  };
  const Program without;
  const Output alone = without.run(with_what({"run"}), Millis(900'000));
  ASSERT_EQ(alone.status.code, 0) << alone.out << alone.err;
  const auto expected = verdicts_in(without.junit());
  ASSERT_GE(expected.size(), 26U) << "a case for each task, and the host's two";

  Process submit = program_.start(with_what({"submit", "--tasks=24"}));
  const auto mid_case = [&] {
    const std::string journal = text_of(host_array() / "task-1/journal.jsonl");
    return journal.find("\"phase\":\"load\"") != std::string::npos;
  };
  ASSERT_TRUE(eventually([&] { return mid_case() || submit.poll(); })) << told();
  ASSERT_FALSE(submit.poll()) << "it ended before a node could be lost\n" << told();
  EXPECT_THAT(text_of(program_.output_file()), HasSubstr("24"));
  const std::string node = node_of_host();
  ASSERT_NE(node, "") << told();
  cluster_->kill_node(node);
  cluster_->start_node(node);

  const auto ended = submit.wait(Deadline::after(Millis(900'000)));
  ASSERT_TRUE(ended) << told();
  EXPECT_EQ(ended->code, 0) << told();
  const fs::path merged = host_array().parent_path() / "merged/junit.xml";
  EXPECT_EQ(verdicts_in(merged), expected) << told();
  EXPECT_NE(text_of(merged).find("type=\"harness.interrupted\""), std::string::npos) << "the attempt that was cut off";
  const std::string log = text_of(host_array() / "task-1.log");
  EXPECT_THAT(log, HasSubstr("metal-1 was held by ")) << "our own lease is what counts";
  EXPECT_THAT(log, HasSubstr("healthy again; before it: "));
}

}  // namespace
}  // namespace holdfast::e2e
