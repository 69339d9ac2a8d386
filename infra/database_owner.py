"""python -m infra.database_owner [--stack tollgate]: lets the owner of the schema connect by IAM, and by nothing else.

Once, after the first deployment with an Aurora of its own, and before MigrateDatabase is invoked: Aurora makes its first user with a
password, and functions know none. One statement through the Data API, with your own credentials.
"""

import argparse
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.configuration import StackError
from infra.restore import Deployed, find

CLUSTER = "DatabaseCluster"
# Whoever is in this role is asked for a token from then on, and its password is no good.
STATEMENT = "GRANT rds_iam TO CURRENT_USER"
RESUMING, RESUMING_TRIES = "DatabaseResumingException", 12


def give_iam(deployed: Deployed, *, pause_s: float = 5.0) -> str:
    """Returns whose password it was. Raises StackError, and ClientError where AWS refuses."""
    if CLUSTER not in deployed.physical:
        raise StackError(
            "The stack has no Aurora of its own: its database's owner is yours to make (infra/database.md)."
        )
    found = deployed.client("rds").describe_db_clusters(DBClusterIdentifier=deployed.name(CLUSTER))["DBClusters"][0]
    if "MasterUserSecret" not in found:
        raise StackError("RDS keeps no password of this cluster's first user (ManageMasterUserPassword).")
    call = {
        "resourceArn": found["DBClusterArn"],
        "secretArn": found["MasterUserSecret"]["SecretArn"],
        "database": found["DatabaseName"],
        "sql": STATEMENT,
    }
    for _ in range(RESUMING_TRIES):
        try:
            deployed.client("rds-data").execute_statement(**call)
        except ClientError as error:
            if error.response["Error"]["Code"] != RESUMING:
                raise
            time.sleep(pause_s)
        else:
            return str(found["MasterUsername"])
    raise StackError("Aurora does not wake up. Try again in a minute.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.database_owner", description=__doc__)
    parser.add_argument("--stack", default="tollgate")
    chosen = parser.parse_args()
    try:
        owner = give_iam(find(chosen.stack, local=False))
    except (StackError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        if "authentication failed" in str(error):
            print("Its password is no good any more, so this was done before: invoke MigrateDatabase.", file=sys.stderr)
        return 1
    print(f"{owner} connects by IAM from now on. Invoke MigrateDatabase.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
