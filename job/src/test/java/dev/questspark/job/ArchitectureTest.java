package dev.questspark.job;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.Source;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Who may know whom in the job: its main path, and what hangs on the side. */
@AnalyzeClasses(
    packages = "dev.questspark.job",
    importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String JOB = "dev.questspark.job";
  private static final int MAX_FILES = 20;

  /** Each may know those before it, and none behind it. */
  private static final String[] MAIN_PATH =
      Stream.of(
              "path",
              "hub",
              "model",
              "options",
              "options.keys",
              "options.resolve",
              "input",
              "corpus",
              "partition",
              "resources",
              "prompt",
              "chunk",
              "answer",
              "executor",
              "output",
              "table",
              "infer",
              "progress",
              "plugin",
              "run")
          .map(name -> JOB + "." + name)
          .toArray(String[]::new);

  private static final String[] SIDE =
      Stream.of("eval..", "sweep..", "report..", "plan..", "sql..", "ml..")
          .map(name -> JOB + "." + name)
          .toArray(String[]::new);

  @ArchTest
  static final ArchRule theMainPathKnowsNothingOfTheSide =
      noClasses()
          .that()
          .resideInAnyPackage(MAIN_PATH)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(SIDE);

  @ArchTest
  static void theMainPathPointsOneWay(JavaClasses classes) {
    for (int i = 0; i < MAIN_PATH.length; i++) {
      String[] behind = new String[MAIN_PATH.length - i - 1];
      System.arraycopy(MAIN_PATH, i + 1, behind, 0, behind.length);
      if (behind.length > 0) {
        noClasses()
            .that()
            .resideInAPackage(MAIN_PATH[i])
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(behind)
            .check(classes);
      }
    }
  }

  @ArchTest
  static final ArchRule nobodyKnowsTheApplication =
      noClasses()
          .that()
          .resideOutsideOfPackage(JOB)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(JOB);

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices()
          .assignedFrom(
              new SliceAssignment() {
                @Override
                public SliceIdentifier getIdentifierOf(JavaClass type) {
                  return SliceIdentifier.of(type.getPackageName());
                }

                @Override
                public String getDescription() {
                  return "the packages of the job";
                }
              })
          .should()
          .beFreeOfCycles();

  @ArchTest
  static void everyPackageIsOnTheMainPathOrOnTheSide(JavaClasses classes) {
    assertThat(classes.that(not(resideInAnyPackage(MAIN_PATH)).and(not(resideInAnyPackage(SIDE)))))
        .extracting(JavaClass::getPackageName)
        .containsOnly(JOB);
  }

  @ArchTest
  static void noPackageIsTooBigToSurvey(JavaClasses classes) {
    Map<String, Set<String>> files = new TreeMap<>();
    for (JavaClass type : classes) {
      Optional<String> file = type.getSource().flatMap(Source::getFileName);
      file.filter(name -> !name.equals("package-info.java"))
          .ifPresent(
              name ->
                  files.computeIfAbsent(type.getPackageName(), none -> new TreeSet<>()).add(name));
    }
    assertThat(files).containsKey(JOB + ".infer");
    assertThat(files.values()).allSatisfy(names -> assertThat(names).hasSizeBetween(1, MAX_FILES));
  }
}
