// Does the program refuse what nobody can mean, at once, and say what was meant?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/e2e/program.h"

namespace holdfast::e2e {
namespace {

using testing::HasSubstr;

struct Mistake {
  std::vector<std::string> args;
  std::string says;
};

class Usage : public testing::TestWithParam<Mistake> {};

TEST_P(Usage, IsRefusedWithTheNearest) {
  const Program program;
  const auto began = Deadline::Clock::now();
  const Output output = program.run(GetParam().args);
  const auto took = Deadline::Clock::now() - began;
  EXPECT_EQ(output.status.code, 2) << output.status.describe() << output.err;
  EXPECT_THAT(output.err, HasSubstr(GetParam().says));
  EXPECT_LT(took, std::chrono::seconds(1));
  EXPECT_FALSE(std::filesystem::exists(program.latest())) << "something was touched";
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, Usage,
    testing::Values(Mistake{{"run", "--fitler", "*"}, "'--filter'"}, Mistake{{"rnu"}, "'run'"},
                    Mistake{{"run", "--filter", "Preserve.DeviceKeepsItsAdress"}, "'Preserve.DeviceKeepsItsAddress'"},
                    Mistake{{"run", "--device", "e1000"}, "'e1000e"}, Mistake{{"run", "--target", "qemo"}, "'qemu'"},
                    Mistake{{"run", "--kernel", "/nonexistent/bzImage"}, "/nonexistent/bzImage"},
                    Mistake{{"run", "--kernel", "referense"}, "reference"},
                    Mistake{{"run", "--until", "tomorrow"}, "'tomorrow' is neither a span of time nor a time"},
                    Mistake{{"run", "--modules", "/nonexistent/lib"}, "/nonexistent/lib"},
                    Mistake{{"run", "--lab", "/nonexistent/lab.toml"}, "/nonexistent/lab.toml"},
                    Mistake{{"list", "kases"}, "'cases'"}, Mistake{{"lab", "status"}, "--lab FILE"},
                    Mistake{{"lab", "power", "onn", "x"}, "onn"},
                    Mistake{{"report", "compare", "/nonexistent", "/nonexistent"}, "/nonexistent"},
                    Mistake{{"report", "compair"}, "'compare'"}, Mistake{{"list", "cases", "--local"}, "devices only"},
                    Mistake{{"kernel", "biuld"}, "'build'"}));

TEST(Help, IsThereForEveryVerb) {
  const Program program;
  for (const auto& args : std::vector<std::vector<std::string>>{{"--help"},
                                                                {"run", "--help"},
                                                                {"list", "--help"},
                                                                {"check", "--help"},
                                                                {"kernel", "build", "--help"},
                                                                {"lab", "--help"},
                                                                {"lab", "release", "--help"},
                                                                {"report", "--help"},
                                                                {"report", "compare", "--help"}}) {
    const Output output = program.run(args);
    EXPECT_EQ(output.status.code, 0);
    EXPECT_THAT(output.out, HasSubstr("\nUsage: holdfast")) << args.front();
  }
}

TEST(List, IsJsonWhenAsked) {
  const Program program;
  for (const char* what : {"cases", "targets", "devices", "kernels"}) {
    const Output output = program.run({"list", what, "--json"});
    EXPECT_EQ(output.status.code, 0);
    EXPECT_EQ(output.out.substr(0, 1), "[") << what;
  }
  EXPECT_THAT(program.run({"list", "cases"}).out, HasSubstr("Preserve.DeviceKeepsItsAddress"));
  EXPECT_THAT(program.run({"list", "cases", "--names"}).out, HasSubstr("\nPreserve.DeviceKeepsItsAddress\n"));
  EXPECT_EQ(program.run({"list", "targets", "--names"}).out, "qemu\n");
}

TEST(List, ShowsTheDevicesOfThisMachine) {
  const Program program;
  EXPECT_THAT(program.run({"list", "devices", "--local"}).out, HasSubstr("PASSTHROUGH"));
  EXPECT_EQ(program.run({"list", "devices", "--local", "--json"}).out.substr(0, 1), "[");
}

TEST(DryRun, ShowsThePlanAndTouchesNothing) {
  const Program program;
  const Output output = program.run({"run", "--dry-run"});
  EXPECT_EQ(output.status.code, 0) << output.err;
  EXPECT_THAT(output.out, HasSubstr("Retrieve.DeviceComesBackAndWorks/nvme"));
  EXPECT_FALSE(std::filesystem::exists(program.latest()));
}

TEST(Check, SaysThatTheMachineIsReady) {
  const Program program;
  const Output output = program.run({"check"});
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("qemu-system-x86_64"));
}

TEST(Check, SaysWhatIsMissingAndWhatMendsIt) {
  const Program program;
  const Output output = program.run({"check", "--kernel", "nosuchkernel"});
  EXPECT_EQ(output.status.code, 2);
  EXPECT_THAT(output.out, HasSubstr("missing"));
  EXPECT_THAT(output.out, HasSubstr("holdfast kernel"));
}

TEST(Lists, AsJsonAreOneValueOverManyLines) {
  const Program program;
  for (const std::vector<std::string>& what : {std::vector<std::string>{"list", "cases"}, {"kernel", "list"}}) {
    std::vector<std::string> words = what;
    words.emplace_back("--json");
    const Output output = program.run(words);
    EXPECT_EQ(output.status.code, 0) << output.err;
    EXPECT_THAT(output.out, testing::StartsWith("[\n  {\n    \""));
  }
}

TEST(Filter, ThatMatchesNothingIsExitThree) {
  const Program program;
  EXPECT_EQ(program.run({"run", "--filter", "Nothing*"}).status.code, 3);
}

}  // namespace
}  // namespace holdfast::e2e
