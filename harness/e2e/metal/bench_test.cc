// How do end-to-end tests run cases on a lab host while they break it?
#include "harness/e2e/metal/bench_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "harness/base/text.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;

/// A run of two cases with a recovery takes two minutes on a quiet machine.
constexpr Millis kRunLimit{900'000};

std::string text_of(const fs::path& file) {
  const auto text = read_file(file);
  return text ? *text : std::string();
}

/// Whatever was started by a run has its environment: also what has left its process group.
std::vector<std::string> processes_of(const fs::path& out) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    if (text_of(entry.path() / "environ").find("HOLDFAST_OUT=" + out.string()) == std::string::npos) continue;
    std::string argv = text_of(entry.path() / "cmdline");
    std::ranges::replace(argv, '\0', ' ');
    found.push_back(std::move(argv));
  }
  return found;
}

}  // namespace

std::unique_ptr<VirtualLab> Bench::lab_;

void Bench::SetUpTestSuite() {
  auto lab = VirtualLab::start();
  ASSERT_TRUE(lab) << lab.error().what;
  lab_ = std::make_unique<VirtualLab>(*std::move(lab));
}

void Bench::TearDownTestSuite() { lab_.reset(); }

void Bench::SetUp() {
  ASSERT_TRUE(lab_) << "there is no lab";
  ::setenv("XDG_STATE_HOME", state_.path().c_str(), 1);
}

void Bench::TearDown() {
  if (!lab_) return;
  lab_->fault({"heal"});
  const fs::path out = program_.latest().parent_path();
  EXPECT_TRUE(eventually([&] { return processes_of(out).empty(); }, Millis(10'000)))
      << testing::PrintToString(processes_of(out));
  if (fs::exists(leases())) {
    EXPECT_EQ(state(), "free");
    for (const auto& left : fs::directory_iterator(leases())) {
      const std::string kind = left.path().extension();
      EXPECT_TRUE(kind == ".lock" || kind == ".token") << left.path();
    }
  }
  if (HasFailure()) {
    lab_->fault({"power", "off"});
    lab_->fault({"power", "on"});
  }
  EXPECT_TRUE(eventually([] { return at_home(); })) << lab_->ssh("cat /proc/cmdline").err;
}

std::vector<std::string> Bench::run_words(const std::vector<std::string>& more, const std::string& filter) {
  std::vector<std::string> words{"run", "--lab",    lab_->inventory(),
                                 "-v",  "--filter", filter.empty() ? fmt::format("{}:{}", kHit, kNext) : filter};
  words.insert(words.end(), more.begin(), more.end());
  if (std::ranges::find(more, "--device") == more.end()) words.insert(words.end(), {"--device", "e1000e"});
  return words;
}

testing::AssertionResult Bench::is_told(const std::vector<std::string>& words) const {
  const auto has_all = [&](std::string_view line) {
    return std::ranges::all_of(words, [&](const std::string& word) { return line.find(word) != line.npos; });
  };
  const auto told = [&] {
    const std::string journal = program_.journal();
    return std::ranges::any_of(split(journal, '\n'), has_all);
  };
  if (eventually(told, Millis(600'000))) return testing::AssertionSuccess();
  return testing::AssertionFailure() << testing::PrintToString(words) << " is not in the journal\n" << said();
}

testing::AssertionResult Bench::comes_to(const std::string& name, const std::string& phase) const {
  return is_told(
      {"\"phase-started\"", "\"phase\":\"" + phase + "\"", "\"name\":\"" + name.substr(name.find('.') + 1) + "\""});
}

int Bench::end_of(Process& run) const {
  const auto status = run.wait(Deadline::after(kRunLimit));
  return status ? status->code : -1;
}

CaseReport Bench::report_of(const std::string& name) const {
  const auto reports = read_junit(program_.junit());
  const auto found = reports.find(name);
  return found == reports.end() ? CaseReport{.verdict = "missing", .type = {}, .message = said(), .text = {}}
                                : found->second;
}

std::string Bench::said() const { return text_of(program_.output_file()); }

std::string Bench::state() const {
  const Output status = program_.run({"lab", "status", "--lab", lab_->inventory()});
  for (const std::string_view line : split(status.out, '\n')) {
    if (!line.starts_with("metal-1 ")) continue;
    const std::string_view rest = trim(line.substr(line.find(' ')));
    return std::string(rest.substr(0, rest.find(' ')));
  }
  return status.out + status.err;
}

bool Bench::at_home() {
  const Output told = lab_->ssh("cat /proc/cmdline");
  return told.status.success() && told.out.find("holdfast.") == std::string::npos;
}

Output Bench::heal() const {
  return program_.run({"lab", "release", "metal-1", "--heal", "--lab", lab_->inventory()}, kRunLimit);
}

}  // namespace holdfast::e2e
