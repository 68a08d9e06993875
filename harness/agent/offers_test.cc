// Is a kernel's configuration read for what it says?
#include "harness/agent/offers.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace holdfast::agent {
namespace {

using Values = std::map<std::string, std::string>;

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

TEST(KernelConfig, GivesTheValuesOfTheSymbolsAskedFor) {
  const char* config =
      "# a comment\nCONFIG_VFIO=y\n# CONFIG_KVM is not set\nCONFIG_E1000E=m\nCONFIG_HZ=250\nCONFIG_VFIO_PCI=y\n";
  EXPECT_EQ(config_values(config, {"VFIO", "KVM", "E1000E", "HZ", "NOT_THERE"}),
            (Values{{"VFIO", "y"}, {"KVM", "n"}, {"E1000E", "m"}, {"HZ", "250"}, {"NOT_THERE", "n"}}));
}

TEST(KernelConfig, IsEmptyWhenThereIsNone) { EXPECT_EQ(config_values("", {"VFIO"}), Values{}); }

TEST(Gunzip, UnpacksWhatWasPacked) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "CONFIG_" + std::to_string(i) + "=y\n";
  EXPECT_EQ(gunzip(gzip(text)), text);
}

TEST(Gunzip, GivesNothingForWhatIsCutOrNoGzip) {
  const std::string packed = gzip("some text that is long enough");
  EXPECT_EQ(gunzip(packed.substr(0, packed.size() - 10)), "");
  EXPECT_EQ(gunzip("CONFIG_VFIO=y\n"), "");
  EXPECT_EQ(gunzip(""), "");
}

}  // namespace
}  // namespace holdfast::agent
