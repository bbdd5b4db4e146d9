package org.openstrawberry.worker;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The modules' arrows: worker → activities → {workflows, model} → config. */
class ModuleArrowsTest {
    /** Read once: reading them takes seconds. */
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.openstrawberry");

    @Test
    void configKnowsNobody() {
        noClasses()
                .that()
                .resideInAPackage("org.openstrawberry.config..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.openstrawberry.workflows..",
                        "org.openstrawberry.model..",
                        "org.openstrawberry.activities..",
                        "org.openstrawberry.worker..",
                        "io.temporal..",
                        "ai.djl..",
                        "reactor..")
                .check(CLASSES);
    }

    @Test
    void modelNeverSeesTemporal() {
        noClasses()
                .that()
                .resideInAPackage("org.openstrawberry.model..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.openstrawberry.workflows..",
                        "org.openstrawberry.activities..",
                        "org.openstrawberry.worker..",
                        "io.temporal..")
                .check(CLASSES);
    }

    @Test
    void workflowsNeverSeeTensorsOrFiles() {
        noClasses()
                .that()
                .resideInAPackage("org.openstrawberry.workflows..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.openstrawberry.model..",
                        "org.openstrawberry.activities..",
                        "org.openstrawberry.worker..",
                        "ai.djl..",
                        "java.nio.file..")
                .check(CLASSES);
    }

    @Test
    void workflowsUseReactorOnlyInTheClient() {
        noClasses()
                .that()
                .resideInAPackage("org.openstrawberry.workflows..")
                .and()
                .resideOutsideOfPackage("org.openstrawberry.workflows.client..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("reactor..")
                .check(CLASSES);
    }

    @Test
    void activitiesNeverSeeTheWorker() {
        noClasses()
                .that()
                .resideInAPackage("org.openstrawberry.activities..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.openstrawberry.worker..")
                .check(CLASSES);
    }
}
