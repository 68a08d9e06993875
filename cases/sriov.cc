// What becomes of physical and virtual functions (SR-IOV)?
#include "fixtures/case.h"
#include "fixtures/sysfs_words.h"
#include "harness/base/text.h"
#include "harness/pci/pci_registers.h"

namespace holdfast {
namespace {

/// A register by the name that reports give it; 0 when the function has none of that name.
uint64_t value_of(const PciFunctionState& function, std::string_view name) {
  for (const pci::Register& one : pci::registers_of(function.config)) {
    if (one.name == name) return one.value(function.config);
  }
  return 0;
}

/// What the capability says of the virtual functions that there can be. Control, status and the number that is on are
/// not among it.
constexpr std::string_view kOfVfs[] = {"SR-IOV: Initial VFs",
                                       "SR-IOV: Total VFs",
                                       "SR-IOV: VF Device ID",
                                       "SR-IOV: Page Size",
                                       "SR-IOV: VF BAR0",
                                       "SR-IOV: VF BAR1",
                                       "SR-IOV: Supported Page Sizes",
                                       "SR-IOV: VF BAR2",
                                       "SR-IOV: VF BAR3",
                                       "SR-IOV: VF BAR4",
                                       "SR-IOV: VF BAR5"};

/// Where they stand. It may depend on how many are on, and on ARI (PCI Express Base Specification 6.0, 9.3.3.9 and
/// 9.3.3.10), so it can be compared only between kernels that have turned on as many.
constexpr std::string_view kPlaceOfVfs[] = {"SR-IOV: First VF Offset", "SR-IOV: VF Stride"};

// PCI Express Base Specification 6.0, 9.3.3.3: bits of SR-IOV Control. 7.5.3.16: of Device Control 2.
constexpr uint64_t kVfsOn = 0x1 | 0x8;  // VF enable, VF memory space enable
constexpr uint64_t kAriCapableHierarchy = 0x10;
constexpr uint64_t kAriForwarding = 0x20;

/// Virtual function number 1: the distance counts functions on from the PF (9.2.1.2).
PciAddress first_vf(const PciFunctionState& pf) {
  const PciAddress& at = pf.address;
  const unsigned id = (unsigned{at.bus} << 8U | unsigned{at.device} << 3U | at.function) +
                      static_cast<unsigned>(value_of(pf, "SR-IOV: First VF Offset"));
  return {.domain = at.domain,
          .bus = static_cast<uint8_t>(id >> 8U),
          .device = static_cast<uint8_t>(id >> 3U & 0x1fU),
          .function = static_cast<uint8_t>(id & 7U)};
}

/// Virtual functions on; no native driver takes them.
Result<void> turn_on_vfs(Scenario& scenario, Running& kernel, const Device& pf, int count) {
  const std::string folder = "/sys/bus/pci/devices/" + pf.bdf;
  TRY(write_file_of(scenario, kernel, folder + "/sriov_drivers_autoprobe", "0"));
  return write_file_of(scenario, kernel, folder + "/sriov_numvfs", std::to_string(count));
}

HOLDFAST_CASE(Sriov, PhysicalFunctionComesBackWithItsCapability,
              "a preserved physical function without VFs says in the next kernel what it said of its VFs before",
              .level = Level::kRetrieve, .devices = one_device({"sriov"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "pf"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));

  const PciFunctionState* was = next.before().find(bound.address);
  const PciFunctionState* is = next.arrived().find(bound.address);
  ASSERT_TRUE(was != nullptr && is != nullptr) << "nothing is at " << bound.device.bdf;
  EXPECT_GT(value_of(*was, "SR-IOV: Total VFs"), 0U) << bound.device.bdf << " can have no VFs";
  for (const std::string_view name : kOfVfs) EXPECT_EQ(value_of(*is, name), value_of(*was, name)) << name;
  for (const std::string_view name : kPlaceOfVfs) EXPECT_EQ(value_of(*is, name), value_of(*was, name)) << name;
  EXPECT_EQ(value_of(*is, "SR-IOV: Control") & kVfsOn, 0U) << "there are no VFs to be on";

  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "pf"));
  Bound back = MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.exercise(next, back));
  MUST(scenario.finish(next, incoming));
}

// Upstream's way to VFs goes by their PF, which has to be preserved first.
HOLDFAST_CASE(Sriov, VirtualFunctionIsRefused,
              "a kernel that cannot preserve a virtual function refuses it with EOPNOTSUPP", .level = Level::kPreserve,
              .devices = one_device({"sriov"})) {
  Running kernel = MUST(scenario.boot());
  const PciAddress pf = MUST(PciAddress::parse(scenario.device().bdf));
  MUST(turn_on_vfs(scenario, kernel, scenario.device(), 1));
  const auto list = MUST(scenario.call(Phase::kVerify, kernel, wire::PciList{}));
  const PciSnapshot devices = MUST(PciSnapshot::from(list));
  const PciFunctionState* function = devices.find(pf);
  REQUIRE_INVENTORY(function != nullptr, "nothing is at " + pf.to_string());
  const std::string vf = first_vf(*function).to_string();

  MUST(scenario.call(Phase::kBind, kernel, wire::VfioBind{.bdf = vf}));
  const auto cdev = MUST(scenario.call(Phase::kBind, kernel, wire::VfioOpenCdev{.bdf = vf}));
  const auto iommufd = MUST(scenario.call(Phase::kBind, kernel, wire::IommufdOpen{}));
  MUST(scenario.call(Phase::kBind, kernel, wire::VfioBindIommufd{.device = cdev.handle, .iommufd = iommufd.handle}));
  Session session = MUST(scenario.create_session(kernel, "vf"));
  auto answer = scenario.refused(Phase::kPreserve, kernel,
                                 wire::LuoPreserve{.session = session.handle, .file = cdev.handle, .token = 1});
  if (!answer && answer.error().type() == "kernel.accepted") {
    return give_verdict(cannot("the kernel preserves virtual functions"));
  }
  const std::string errno_text = MUST(std::move(answer));
  EXPECT_EQ(errno_text, "EOPNOTSUPP");
}

// Virtual functions belong to kernel A: no kernel takes over those that it finds on (sriov_init() in drivers/pci/iov.c
// turns them off). vfio-pci lets a PF have VFs only when told to.
HOLDFAST_CASE(Sriov, PhysicalFunctionWithVfsKeepsItsAddress,
              "a physical function that is preserved while its VFs are on keeps its address, and can have VFs again",
              .level = Level::kRetrieve, .devices = one_device({"sriov"})) {
  constexpr const char* kAllow = "/sys/bus/pci/drivers/vfio-pci/module/parameters/enable_sriov";
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  MUST(write_file_of(scenario, kernel, kAllow, "Y"));
  MUST(turn_on_vfs(scenario, kernel, scenario.device(), 2));
  Session session = MUST(scenario.create_session(kernel, "pf"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));

  const PciFunctionState* was = next.before().find(bound.address);
  const PciFunctionState* is = next.arrived().find(bound.address);
  ASSERT_TRUE(was != nullptr && is != nullptr) << "nothing is at " << bound.device.bdf;
  const PciAddress vf = first_vf(*was);
  ASSERT_NE(next.before().find(vf), nullptr) << "the VFs were not on";
  for (const std::string_view name : kOfVfs) EXPECT_EQ(value_of(*is, name), value_of(*was, name)) << name;

  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "pf"));
  MUST(scenario.retrieve(next, incoming, arrived, 1));
  MUST(scenario.finish(next, incoming));
  MUST(write_file_of(scenario, next, kAllow, "Y"));
  MUST(turn_on_vfs(scenario, next, scenario.device(), 2));
  const auto list = MUST(scenario.call(Phase::kVerify, next, wire::PciList{}));
  const PciSnapshot devices = MUST(PciSnapshot::from(list));
  const PciFunctionState* again = devices.find(bound.address);
  ASSERT_NE(again, nullptr) << "nothing is at " << bound.device.bdf << " any more";
  for (const std::string_view name : kPlaceOfVfs) EXPECT_EQ(value_of(*again, name), value_of(*was, name)) << name;
  EXPECT_NE(devices.find(vf), nullptr) << "no VF is at " << vf.to_string();
}

// Without forwarding in the port, functions above number 7 could not be reached; without ACS in it, devices behind it
// could reach each other past the IOMMU.
HOLDFAST_CASE(Sriov, PortAboveKeepsAriAndAcs,
              "the port above a preserved ARI device forwards ARI and has the ACS controls that it had",
              .level = Level::kPreserve, .devices = one_device({"ari"})) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "ari"));
  MUST(scenario.preserve(kernel, session, bound, 1));
  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));

  const PciFunctionState* device = next.before().find(bound.address);
  ASSERT_NE(device, nullptr) << "nothing is at " << bound.device.bdf;
  const auto path = split(device->path, '/');
  ASSERT_GE(path.size(), 2U) << bound.device.bdf << " has no port above it";
  const PciAddress port = MUST(PciAddress::parse(path[path.size() - 2]));
  const PciFunctionState* was = next.before().find(port);
  const PciFunctionState* is = next.arrived().find(port);
  ASSERT_TRUE(was != nullptr && is != nullptr) << "no port is at " << port.to_string();
  for (const PciFunctionState* one : {was, is}) {
    EXPECT_NE(value_of(*one, "PCI Express: Device Control 2") & kAriForwarding, 0U) << port.to_string();
    EXPECT_NE(value_of(*one, "ACS: Control"), 0U) << port.to_string() << " does not keep devices apart";
  }
  EXPECT_EQ(value_of(*is, "ACS: Control"), value_of(*was, "ACS: Control"));
  const PciFunctionState* back = next.arrived().find(bound.address);
  ASSERT_NE(back, nullptr) << "nothing is at " << bound.device.bdf;
  EXPECT_EQ(value_of(*back, "ARI: Capability"), value_of(*device, "ARI: Capability"));
  EXPECT_NE(value_of(*back, "SR-IOV: Control") & kAriCapableHierarchy, 0U);
}

}  // namespace
}  // namespace holdfast
