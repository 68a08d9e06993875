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

/// Short ones; the second comes after the first in the order of a run, and ends in kernel A.
constexpr const char* kCases = "Addresses.PlainKexecMovesNothing:Binding.NativeDriverComesBack";

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
  Process submit = program_.start({"submit", "--lab=" + lab_->inventory().string(), "--target=metal-1", "--target=qemu",
                                   "--tasks=3", "--device=e1000e", fmt::format("--filter={}", kCases)});
  const auto mid_case = [&] {
    const std::string journal = text_of(host_array() / "task-1/journal.jsonl");
    return journal.find("\"phase\":\"load\"") != std::string::npos;
  };
  ASSERT_TRUE(eventually([&] { return mid_case() || submit.poll(); })) << told();
  ASSERT_FALSE(submit.poll()) << "it ended before a node could be lost\n" << told();
  const std::string node = node_of_host();
  ASSERT_NE(node, "") << told();
  cluster_->kill_node(node);
  cluster_->start_node(node);

  const auto ended = submit.wait(Deadline::after(Millis(900'000)));
  ASSERT_TRUE(ended) << told();
  EXPECT_EQ(ended->code, 0) << told();
  const std::string junit = text_of(host_array().parent_path() / "merged/junit.xml");
  EXPECT_NE(junit.find("tests=\"4\" failures=\"0\" errors=\"0\""), junit.npos) << "two cases on each of two targets";
  EXPECT_NE(junit.find("type=\"harness.interrupted\""), junit.npos) << "the attempt that was cut off";
  const std::string log = text_of(host_array() / "task-1.log");
  EXPECT_THAT(log, HasSubstr("metal-1 was held by ")) << "our own lease is what counts";
  EXPECT_THAT(log, HasSubstr("healthy again; before it: "));
}

}  // namespace
}  // namespace holdfast::e2e
